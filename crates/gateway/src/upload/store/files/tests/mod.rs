//! The store on a disk that loses its power and fails in every place.

mod model;
mod sim;

use std::io;
use std::sync::Arc;

use model::{Model, open};
use sim::{Dice, Fault, Sim};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A life of several crashes: after each, what was promised is there, and what is sent anew stands in its place.
async fn live(seed: u64, crashes: usize) {
    let mut dice = Dice(seed);
    let mut sim = Sim::new();
    let mut model = Model::new(open(&sim).unwrap());
    for _ in 0..crashes {
        sim.set_fault(Fault::Off(sim.calls() + dice.below(150)));
        // Everything fails once the power is off; until then nothing may.
        while let Ok(()) = model.step(&mut dice).await {}
        assert!(sim.is_off(), "seed {seed}: a step has failed on a good disk");
        sim = if dice.below(3) == 0 { sim.killed() } else { sim.cut(&mut dice) };
        let store = open(&sim).unwrap();
        model.recover(store).await.unwrap();
        model.check_list().await.unwrap();
    }
}

#[test]
fn nothing_promised_is_lost_when_the_power_goes() {
    let runtime = runtime();
    let lives: u64 = std::env::var("TIDEGATE_LIVES").ok().and_then(|text| text.parse().ok()).unwrap_or(150);
    for seed in 0..lives {
        runtime.block_on(live(seed, 8));
    }
}

/// One call fails, whichever; then the process is killed or the power goes.
async fn fail_once(seed: u64, call: u64, kind: io::ErrorKind) -> bool {
    let mut dice = Dice(seed);
    let sim = Sim::new();
    sim.set_fault(Fault::Once(call, kind));
    let Ok(store) = open(&sim) else { return true };
    let mut model = Model::new(Arc::clone(&store));
    model.may_fail = true;
    for _ in 0..60 {
        if model.step(&mut dice).await.is_err() {
            break;
        }
    }
    let was_reached = sim.calls() > call;
    let sim = if dice.below(2) == 0 { sim.killed() } else { sim.cut(&mut dice) };
    let store = open(&sim).unwrap();
    model.recover(store).await.unwrap();
    was_reached
}

#[test]
fn a_call_that_fails_costs_nothing_that_was_promised() {
    let runtime = runtime();
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
        for seed in 0..4 {
            let mut call = 0;
            while runtime.block_on(fail_once(seed, call, kind)) {
                call += 1;
            }
            assert!(call > 100, "the calls of seed {seed} ended at {call}");
        }
    }
}
