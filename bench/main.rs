//! `bin/bench`: the site beside what people would pick instead, in one run. The server has one core, the load and the
//! engine have the other; each work begins on an empty database, and is done three times, of which the middle counts.
//!
//! `bin/bench WORK…` does some of them: `fan-out throughput idle page history acks sign-ins cut start rooms`, and, when
//! named, `hour` (`hour=SECONDS`). `runs=N` does each N times.

#![allow(
    clippy::unwrap_used,
    clippy::missing_docs_in_private_items,
    reason = "a measurement that cannot go on is none"
)]

mod guest;
mod http;
mod server;
mod socket;
mod works;

use server::{Engine, Stack};
use tokio::task::LocalSet;
use works::Figure;

const ALL: [Stack; 3] = [Stack::Site, Stack::Express, Stack::Ws];
const PAGES: [Stack; 2] = [Stack::Site, Stack::Express];
const SITE: [Stack; 1] = [Stack::Site];

/// The works, each with the stacks that can do it.
const WORKS: [(&str, &[Stack]); 11] = [
    ("fan-out", &ALL),
    ("throughput", &ALL),
    ("idle", &ALL),
    ("page", &PAGES),
    ("history", &SITE),
    ("acks", &ALL),
    ("sign-ins", &SITE),
    ("cut", &SITE),
    ("start", &PAGES),
    ("rooms", &SITE),
    ("hour", &SITE),
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('=')?.parse().ok());
    let (runs, seconds) = (number("runs").unwrap_or(3), number("hour").unwrap_or(3_600));
    let named: Vec<&str> =
        words.iter().map(|word| word.split('=').next().unwrap()).filter(|word| *word != "runs").collect();
    println!("| what | stack | figure | all runs |\n|---|---|---|---|");
    for (work, stacks) in WORKS {
        let wanted = if named.is_empty() { work != "hour" } else { named.contains(&work) };
        for stack in stacks.iter().filter(|_| wanted) {
            let mut all = Vec::new();
            for run in 1..=if work == "hour" { 1 } else { runs } {
                eprintln!("  {work}, {}, run {run}", stack.name());
                all.push(LocalSet::new().run_until(once(work, *stack, seconds as u64)).await);
            }
            report(*stack, &all);
        }
    }
}

/// Does one work once.
async fn once(work: &str, stack: Stack, seconds: u64) -> Vec<Figure> {
    let engine = &Engine::start().await;
    match work {
        "fan-out" => works::fan_out(stack, engine).await,
        "throughput" => works::throughput(stack, engine).await,
        "idle" => works::idle(stack, engine).await,
        "page" => works::page(stack, engine).await,
        "history" => works::history(engine).await,
        "acks" => works::acknowledgements(stack, engine).await,
        "sign-ins" => works::sign_ins(engine).await,
        "cut" => works::cut(engine).await,
        "start" => works::start(stack, engine).await,
        "rooms" => works::rooms(engine).await,
        "hour" => works::hour(engine, seconds).await,
        _ => unreachable!("it is one of the works"),
    }
}

/// Prints a line a figure: the middle of all runs, and all of them.
fn report(stack: Stack, runs: &[Vec<Figure>]) {
    for (at, figure) in runs[0].iter().enumerate() {
        let mut values: Vec<f64> = runs.iter().map(|run| run[at].value).collect();
        let each: Vec<String> = values.iter().map(|value| short(*value)).collect();
        values.sort_unstable_by(f64::total_cmp);
        let middle = short(values[values.len() / 2]);
        println!("| {} | {} | {middle} {} | {} |", figure.what, stack.name(), figure.unit, each.join(", "));
    }
}

/// A number with as many digits as say something.
fn short(value: f64) -> String {
    match value.abs() {
        1_000.0.. => {
            let whole = format!("{value:.0}");
            let at = whole.len() % 3;
            let groups = whole.as_bytes().iter().enumerate();
            groups
                .map(|(n, digit)| format!("{}{}", if n > 0 && n % 3 == at { "," } else { "" }, *digit as char))
                .collect()
        }
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
