//! What every comparison takes on its command line.

use std::path::PathBuf;

use crate::failure::{Failure, fail};

#[derive(clap::Args)]
pub(crate) struct Common {
    /// Only modes that have this word in their names; may be repeated
    #[arg(long)]
    pub(crate) mode: Vec<String>,
    /// Only these contenders; may be repeated
    #[arg(long)]
    pub(crate) contender: Vec<String>,
    /// Shorter samples
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only tidegate, and the limits
    #[arg(long)]
    pub(crate) no_peers: bool,
    /// The `tidegate` program
    #[arg(long)]
    pub(crate) tidegate: PathBuf,
    /// The folder with npm's `node_modules`
    #[arg(long)]
    pub(crate) npm: PathBuf,
    /// The checkout
    #[arg(long)]
    pub(crate) root: PathBuf,
    /// Put the results into the comparison's page in docs
    #[arg(long)]
    pub(crate) write: bool,
    /// A folder for logs, and what else is needed meanwhile
    #[arg(long)]
    pub(crate) scratch: PathBuf,
}

impl Common {
    /// Those of `all` that the words mean; all of them without words.
    pub(crate) fn modes<T: Copy>(
        &self,
        all: &[T],
        name: impl Fn(&T) -> &'static str,
    ) -> Result<Vec<T>, Failure> {
        let words = &self.mode;
        let is_meant = |mode: &&T| words.is_empty() || words.iter().any(|word| name(mode).contains(&**word));
        let chosen: Vec<T> = all.iter().filter(is_meant).copied().collect();
        if chosen.is_empty() {
            let names: Vec<&str> = all.iter().map(name).collect();
            fail!("no such mode; there are: {}", names.join(", "));
        }
        Ok(chosen)
    }

    /// Makes the folder for logs.
    pub(crate) fn make_scratch(&self) -> Result<(), Failure> {
        std::fs::create_dir_all(&self.scratch).map_err(Failure::because(self.scratch.display()))
    }
}
