//! `bin/bench`: compares the site with other stacks on one machine.
//!
//! The server has one core. The load and the database engine have the other. Each scenario starts on an empty database
//! and runs three times; the median counts.
//!
//! `bin/bench SCENARIO…` runs some of the scenarios: `fan-out throughput idle page history acks sign-ins reconnect start
//! rooms unread`. `hour` runs only when named (`hour=SECONDS`). `runs=N` sets the number of runs.

#![allow(clippy::unwrap_used, clippy::missing_docs_in_private_items, reason = "a failed measurement must stop")]

mod client;
mod http;
mod scenarios;
mod server;
mod socket;

use scenarios::Figure;
use server::{Engine, Stack};
use tokio::task::LocalSet;

const ALL: [Stack; 3] = [Stack::Site, Stack::Express, Stack::Ws];
const PAGES: [Stack; 2] = [Stack::Site, Stack::Express];
const SITE: [Stack; 1] = [Stack::Site];

/// The scenarios, each with the stacks that support it.
const SCENARIOS: [(&str, &[Stack]); 12] = [
    ("fan-out", &ALL),
    ("throughput", &ALL),
    ("idle", &ALL),
    ("page", &PAGES),
    ("history", &SITE),
    ("acks", &ALL),
    ("sign-ins", &SITE),
    ("reconnect", &SITE),
    ("start", &PAGES),
    ("rooms", &SITE),
    ("unread", &SITE),
    ("hour", &SITE),
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |key: &str| args.iter().find_map(|arg| arg.strip_prefix(key)?.strip_prefix('=')?.parse().ok());
    let (runs, seconds) = (number("runs").unwrap_or(3), number("hour").unwrap_or(3_600));
    let selected: Vec<&str> =
        args.iter().map(|arg| arg.split('=').next().unwrap()).filter(|name| *name != "runs").collect();
    println!("| what | stack | figure | all runs |\n|---|---|---|---|");
    for (scenario, stacks) in SCENARIOS {
        let is_selected = if selected.is_empty() { scenario != "hour" } else { selected.contains(&scenario) };
        for stack in stacks.iter().filter(|_| is_selected) {
            let mut results = Vec::new();
            for run in 1..=if scenario == "hour" { 1 } else { runs } {
                eprintln!("  {scenario}, {}, run {run}", stack.name());
                results.push(LocalSet::new().run_until(run_once(scenario, *stack, seconds as u64)).await);
            }
            report(*stack, &results);
        }
    }
}

async fn run_once(scenario: &str, stack: Stack, seconds: u64) -> Vec<Figure> {
    let engine = &Engine::start().await;
    match scenario {
        "fan-out" => scenarios::fan_out(stack, engine).await,
        "throughput" => scenarios::throughput(stack, engine).await,
        "idle" => scenarios::idle(stack, engine).await,
        "page" => scenarios::page(stack, engine).await,
        "history" => scenarios::history(engine).await,
        "acks" => scenarios::acknowledgements(stack, engine).await,
        "sign-ins" => scenarios::sign_ins(engine).await,
        "reconnect" => scenarios::reconnect(engine).await,
        "start" => scenarios::start(stack, engine).await,
        "rooms" => scenarios::rooms(engine).await,
        "unread" => scenarios::unread(engine).await,
        "hour" => scenarios::hour(engine, seconds).await,
        _ => unreachable!("every scenario has an arm"),
    }
}

/// Prints a row for each figure: the median and all runs.
fn report(stack: Stack, runs: &[Vec<Figure>]) {
    for (row, figure) in runs[0].iter().enumerate() {
        let mut values: Vec<f64> = runs.iter().map(|run| run[row].value).collect();
        let all: Vec<String> = values.iter().map(|value| format_value(*value)).collect();
        values.sort_unstable_by(f64::total_cmp);
        let median = format_value(values[values.len() / 2]);
        println!("| {} | {} | {median} {} | {} |", figure.what, stack.name(), figure.unit, all.join(", "));
    }
}

/// Formats a number with three significant digits, and groups thousands.
fn format_value(value: f64) -> String {
    match value.abs() {
        1_000.0.. => {
            let digits = format!("{value:.0}");
            let first_group = digits.len() % 3;
            let grouped = digits.chars().enumerate();
            grouped
                .map(|(n, digit)| format!("{}{digit}", if n > 0 && n % 3 == first_group { "," } else { "" }))
                .collect()
        }
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
