//! Crashes of the uploads' stores: `cargo xtask crash`, `cargo xtask powercut`.

use std::process::ExitCode;

use tidegate_tests::storage::ceph::Ceph;
use tidegate_tests::storage::{kills, open_store, powercuts, writer};

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match run(&words).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::from(1)
        }
    }
}

async fn run(words: &[&str]) -> Result<(), String> {
    let number = |word: &str| word.parse::<u64>().map_err(|error| format!("{word}: {error}"));
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    match words {
        ["write", place, seed] => {
            let store = open_store(place.as_ref()).await?;
            writer::run(store, number(seed)?).await.map_err(|error| error.to_string())
        }
        ["kills", count, seed] => {
            let folder = kills::scratch("kills");
            let again = kills::kill_on_and_on(&program, &folder, number(count)?, number(seed)?, tell).await;
            let _ = std::fs::remove_dir_all(&folder);
            report(count, "kills", again?);
            Ok(())
        }
        ["servers", count, seed] => {
            let folder = kills::scratch("servers");
            let mut ceph = Ceph::make(&folder)?;
            let (rounds, seed) = (number(count)?, number(seed)?);
            let again = kills::kill_both_on_and_on(&program, &mut ceph, rounds, seed, tell).await;
            drop(ceph);
            // What the server has, and what its gateway was asked, is worth a look when something is lost.
            let again = again.map_err(|error| format!("{error}; see {}", folder.display()))?;
            let _ = std::fs::remove_dir_all(&folder);
            report(count, "kills of writer and server", again);
            Ok(())
        }
        ["cuts", count, seed] => {
            let folder = kills::scratch("cuts");
            let again =
                powercuts::cut_on_and_on(&program, &folder, number(count)?, number(seed)?, tell).await;
            let _ = std::fs::remove_dir_all(&folder);
            report(count, "power cuts", again?);
            Ok(())
        }
        _ => {
            Err("store-crash write PLACE SEED | kills COUNT SEED | servers COUNT SEED | cuts COUNT SEED"
                .into())
        }
    }
}

fn tell(number: u64, kept: u64) {
    if number % 10 == 9 {
        println!("{}: {kept} acknowledged bytes found again", number + 1);
    }
}

fn report(count: &str, what: &str, again: u64) {
    println!(
        "{count} {what}: 0 acknowledged bytes lost, 0 wrong bytes, at most {:.1} MiB of one upload to send again",
        again as f64 / 1048576.0
    );
}
