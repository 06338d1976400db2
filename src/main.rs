//! zktrain
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let shape = args[1].split('-').map(|s| s.parse().unwrap()).collect();
    let n = |i: usize| args[i].parse::<usize>().unwrap();
    let o = zktrain::bench::StepOptions { shape, batch: n(2), steps: n(3), runs: n(4), row_log: args.get(5).map(|s| s.parse().unwrap()) };
    println!("{}", serde_json::to_string_pretty(&zktrain::bench::step(&o).unwrap()).unwrap());
}
