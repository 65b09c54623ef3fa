//! `kill -9` and power cuts, a few of each. `cargo xtask crash` and `cargo xtask powercut` make many.

use std::path::Path;

use tidegate_tests::storage::{kills, powercuts};

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_store-crash"))
}

#[tokio::test]
async fn a_process_that_is_killed_has_lost_nothing_it_acknowledged() {
    let folder = kills::scratch("kills");
    let again = kills::kill_on_and_on(program(), &folder, 200, 7, |_, _| ()).await;
    let _ = std::fs::remove_dir_all(&folder);
    again.unwrap();
}

#[tokio::test]
async fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let folder = kills::scratch("cuts");
    let result = match powercuts::obstacle(&folder) {
        Some(obstacle) => {
            println!("skipped: no file system can be mounted here: {obstacle}");
            Ok(0)
        }
        None => powercuts::cut_on_and_on(program(), &folder, 5, 11, |_, _| ()).await,
    };
    let _ = std::fs::remove_dir_all(&folder);
    result.unwrap();
}
