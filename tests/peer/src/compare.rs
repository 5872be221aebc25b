//! The comparison: runs the programs alternately, and prints tables with the medians of their figures.
//!
//! Every run has its own server and client. The runs of one table alternate, A B C A B C, so that other load on the
//! machine slows all of them alike.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use clap::{Parser, ValueEnum};

use crate::Failure;
use crate::measure::Report;
use crate::server::Summary;

/// Which comparisons run, and how often.
#[derive(Debug, Parser)]
pub struct Options {
    /// Runs of each program in each comparison.
    #[arg(long, default_value_t = 5)]
    pub runs: usize,
    /// Run only these comparisons.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<Section>,
    /// Write the tables as Markdown to this file.
    #[arg(long)]
    pub write: Option<PathBuf>,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Section {
    /// Whether the same rows arrive.
    Content,
    /// CPU and rows per second, for each shape of rows.
    Throughput,
    /// Allocations per row.
    Allocations,
    /// Peak memory.
    Memory,
    /// CPU and rows per second with late acknowledgements.
    Delays,
    /// The time from `send` to durable.
    Latency,
    /// CPU and rows per second over TLS.
    Tls,
}

/// One of the programs and its arguments.
#[derive(Debug, Clone, Copy)]
struct Client {
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    /// The number of rows for a run of about a second.
    rows: u64,
}

const OURS: Client = Client { name: "ours", program: "ours", arguments: &[], rows: 6_000_000 };
const SINGLE: Client = Client { name: "official, one by one", program: "official", arguments: &[], rows: 1_000_000 };
const THOUSAND: Client = Client {
    name: "official, batches of 1000",
    program: "official",
    arguments: &["--calls", "thousand"],
    rows: 2_000_000,
};
const CLIENTS: [Client; 3] = [OURS, SINGLE, THOUSAND];

/// The shapes, each with the factor by which its rows cost more than flat ones.
const SHAPES: [(&str, &str, u64); 4] = [
    ("flat", "10 columns, 120 bytes", 1),
    ("wide", "1 KB", 4),
    ("nested", "nested three deep", 1),
    ("json", "JSON", 3),
];

/// Runs the comparisons and prints their tables.
///
/// # Errors
/// If a program fails, or rows did not arrive.
pub fn run(options: &Options) -> Result<(), Failure> {
    let bench = Bench { programs: programs()?, runs: options.runs };
    let mut all = String::new();
    let sections: [(Section, Comparison); 7] = [
        (Section::Content, Bench::content),
        (Section::Throughput, Bench::throughput),
        (Section::Allocations, Bench::allocations),
        (Section::Memory, Bench::memory),
        (Section::Delays, Bench::delays),
        (Section::Latency, Bench::latency),
        (Section::Tls, Bench::tls),
    ];
    for (section, compare) in sections {
        if options.only.is_empty() || options.only.contains(&section) {
            let table = compare(&bench)?;
            println!("{table}");
            all.push_str(&table);
            all.push('\n');
        }
    }
    if let Some(file) = &options.write {
        std::fs::write(file, all)?;
    }
    Ok(())
}

fn programs() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe()?;
    Ok(own.parent().ok_or("a program lies in a folder")?.to_owned())
}

/// The arguments for all clients.
#[derive(Debug, Clone, Copy)]
struct Case<'a> {
    name: &'a str,
    /// By which factor a row costs more than a flat one, or a run is shorter than usual.
    weight: u64,
    client: &'a [&'a str],
    server: &'a [&'a str],
    certificate: Option<&'a Path>,
}

impl Default for Case<'_> {
    fn default() -> Self {
        Self { name: "", weight: 1, client: &[], server: &[], certificate: None }
    }
}

/// Makes one of the tables.
type Comparison = fn(&Bench) -> Result<String, Failure>;

struct Bench {
    programs: PathBuf,
    runs: usize,
}

impl Bench {
    fn content(&self) -> Result<String, Failure> {
        let mut table =
            String::from("| the same rows arrive | rows | bytes | sum of their hashes |\n|---|--:|--:|---|\n");
        for (shape, name, _) in SHAPES {
            let mut first: Option<Summary> = None;
            for client in CLIENTS {
                let arguments = ["--shape", shape, "--rows", "100000"];
                let (_, found) = self.once(client, &arguments, &["--hash"], None)?;
                let expected = first.get_or_insert(found);
                if (found.rows, found.bytes, found.hash) != (100_000, expected.bytes, expected.hash) {
                    return Err(format!("{name}: {} sent {found:?}, expected {expected:?}", client.name).into());
                }
            }
            if let Some(Summary { rows, bytes, hash, .. }) = first {
                writeln!(table, "| {name}, all three | {rows} | {bytes} | {hash:016x} |")?;
            }
        }
        Ok(table)
    }

    fn throughput(&self) -> Result<String, Failure> {
        let arguments = SHAPES.map(|(shape, ..)| ["--shape", shape]);
        let cases = std::iter::zip(SHAPES, &arguments);
        let cases = cases.map(|((_, name, weight), client)| Case { name, weight, client, ..Case::default() });
        self.rates("rows", &cases.collect::<Vec<_>>())
    }

    fn delays(&self) -> Result<String, Failure> {
        // With room for every row of the run, which is the official client's default.
        let client = &["--budget", "2000000000"];
        let servers = ["0", "20", "200", "1000"].map(|delay| ["--ack-delay-ms", delay]);
        let cases =
            servers.each_ref().map(|server| Case { name: server[1], weight: 2, client, server, certificate: None });
        self.rates("acknowledged after, ms", &cases)
    }

    fn tls(&self) -> Result<String, Failure> {
        let certificate = std::env::temp_dir().join(format!("zerobus-peer-{}.pem", std::process::id()));
        let path = certificate.display().to_string();
        let (name, server) = ("10 columns, 120 bytes", &["--tls", &path]);
        let case = Case { name, weight: 2, server, certificate: Some(&certificate), ..Case::default() };
        let table = self.rates("over TLS", &[case]);
        // The file is removed even after an error.
        let _ = std::fs::remove_file(&certificate);
        table
    }

    /// A line for each client in each case: its CPU and rows per second, also relative to ours.
    fn rates(&self, what: &str, cases: &[Case<'_>]) -> Result<String, Failure> {
        let pairs: Vec<(&Case<'_>, Client)> =
            cases.iter().flat_map(|case| CLIENTS.map(|client| (case, client))).collect();
        let reports = self.alternate(pairs.len(), |index| {
            let (case, client) = pairs[index];
            let rows = (client.rows / case.weight).to_string();
            let arguments = [&["--rows", &rows], case.client].concat();
            self.once(client, &arguments, case.server, case.certificate)
        })?;
        let mut table = format!(
            "| {what} | client | CPU, ns a row | of it system | M rows/s | CPU against ours | ours faster |\n|---|---|--:|--:|--:|--:|--:|\n"
        );
        let mut ours = (0.0, 0.0);
        for ((case, client), reports) in std::iter::zip(&pairs, reports) {
            let cpu = median(&reports, |report| per_row(report.cpu_ns, report));
            let system = median(&reports, |report| per_row(report.system_ns, report));
            let rate = median(&reports, |report| 1e3 / per_row(report.wall_ns, report));
            if client.program == OURS.program {
                ours = (cpu, rate);
            }
            writeln!(
                table,
                "| {} | {} | {cpu:.0} | {system:.0} | {rate:.2} | {:.1}x | {:.1}x |",
                case.name,
                client.name,
                cpu / ours.0,
                ours.1 / rate
            )?;
        }
        Ok(table)
    }

    fn allocations(&self) -> Result<String, Failure> {
        let mut table = String::from("| allocations a row |");
        for (_, name, _) in SHAPES {
            write!(table, " {name} |")?;
        }
        table.push_str("\n|---|--:|--:|--:|--:|\n");
        for client in CLIENTS {
            let program = if client.program == "ours" { "ours_counted" } else { "official_counted" };
            let client = Client { program, ..client };
            write!(table, "| {} |", client.name)?;
            for (shape, _, _) in SHAPES {
                let (report, _) = self.once(client, &["--shape", shape, "--rows", "300000"], &[], None)?;
                write!(table, " {:.4} |", per_row(report.allocations, &report))?;
            }
            table.push('\n');
        }
        Ok(table)
    }

    fn memory(&self) -> Result<String, Failure> {
        let mut table = String::from(
            "| peak memory of the client | before the first row, MiB | peak, MiB | growth | in flight or budget, MiB | growth / that |\n|---|--:|--:|--:|--:|--:|\n",
        );
        let held = ["--hold-rows", "1000000"];
        let rows = ["--rows", "1000000", "--budget", "200000000"];
        for client in CLIENTS {
            let (report, summary) = self.once(client, &rows, &held, None)?;
            memory_line(&mut table, &format!("{}, 1 M rows in flight", client.name), &report, summary.bytes)?;
        }
        for budget in [8_u64 << 20, 64 << 20] {
            let arguments = ["--rows", "2000000", "--budget", &budget.to_string()];
            let (report, _) = self.once(OURS, &arguments, &["--ack-delay-ms", "100"], None)?;
            let name = format!("ours, budget of {} MiB, acknowledged after 100 ms", budget >> 20);
            memory_line(&mut table, &name, &report, budget)?;
        }
        self.idle(&mut table)?;
        Ok(table)
    }

    /// The memory of an idle stream that has sent a row.
    fn idle(&self, table: &mut String) -> Result<(), Failure> {
        writeln!(table, "\n| an idle stream | KiB |\n|---|--:|")?;
        for client in [OURS, SINGLE] {
            let mut server = Server::start(&self.programs, &[])?;
            let mut report = self.report(client, &server, &["--idle", "200"], None)?;
            for _ in 0..std::mem::replace(&mut report.rows, 1) {
                check(client, &report, &server.summary()?)?;
            }
            writeln!(table, "| {} | {} |", client.name, (report.peak_bytes - report.idle_bytes) / 200 / 1024)?;
        }
        Ok(())
    }

    fn latency(&self) -> Result<String, Failure> {
        let mut table =
            String::from("| rows/s | client | p50, us | p99, us | CPU, % of a core |\n|--:|---|--:|--:|--:|\n");
        for (rate, rows) in [("500", "1500"), ("10000", "30000"), ("100000", "300000")] {
            let clients = [OURS, SINGLE];
            let reports = self.alternate(clients.len(), |index| {
                self.once(clients[index], &["--rate", rate, "--rows", rows], &[], None)
            })?;
            for (client, reports) in clients.iter().zip(reports) {
                #[expect(clippy::cast_precision_loss, reason = "nanoseconds of seconds")]
                let micros = |value: fn(&Report) -> u64| median(&reports, |report| value(report) as f64 / 1e3);
                let cpu =
                    median(&reports, |report| 100.0 * per_row(report.cpu_ns, report) / per_row(report.wall_ns, report));
                let (p50, p99) = (micros(|report| report.p50_ns), micros(|report| report.p99_ns));
                writeln!(table, "| {rate} | {} | {p50:.0} | {p99:.0} | {cpu:.1} |", client.name)?;
            }
        }
        Ok(table)
    }

    /// Runs several programs alternately, and returns the reports of each.
    fn alternate(
        &self,
        programs: usize,
        once: impl Fn(usize) -> Result<(Report, Summary), Failure>,
    ) -> Result<Vec<Vec<Report>>, Failure> {
        let mut reports = vec![Vec::new(); programs];
        for _ in 0..self.runs {
            for (index, reports) in reports.iter_mut().enumerate() {
                reports.push(once(index)?.0);
            }
        }
        Ok(reports)
    }

    /// One run of a client against its own server; every row must arrive.
    fn once(
        &self,
        client: Client,
        arguments: &[&str],
        server: &[&str],
        certificate: Option<&Path>,
    ) -> Result<(Report, Summary), Failure> {
        let mut server = Server::start(&self.programs, server)?;
        let report = self.report(client, &server, arguments, certificate)?;
        let summary = server.summary()?;
        check(client, &report, &summary)?;
        Ok((report, summary))
    }

    /// Runs a client and returns its report.
    fn report(
        &self,
        client: Client,
        server: &Server,
        arguments: &[&str],
        certificate: Option<&Path>,
    ) -> Result<Report, Failure> {
        let mut command = Command::new(self.programs.join(client.program));
        command.args(["--url", &server.url]).args(client.arguments).args(arguments);
        if let Some(certificate) = certificate {
            command.env("SSL_CERT_FILE", certificate);
        }
        let output = command.stderr(Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("{} failed: {}", client.name, output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// The server of one run; dropping it ends the process.
struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    url: String,
}

impl Server {
    fn start(programs: &Path, arguments: &[&str]) -> Result<Self, Failure> {
        let mut child = Command::new(programs.join("server")).args(arguments).stdout(Stdio::piped()).spawn()?;
        let output = BufReader::new(child.stdout.take().ok_or("a server without an output")?);
        let mut server = Self { child, output, url: String::new() };
        server.url = server.line()?;
        Ok(server)
    }

    /// The summary of the next stream that ends.
    fn summary(&mut self) -> Result<Summary, Failure> {
        Ok(serde_json::from_str(&self.line()?)?)
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.is_empty() {
            return Err("the server has ended".into());
        }
        Ok(line.trim().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn check(client: Client, report: &Report, arrived: &Summary) -> Result<(), Failure> {
    if arrived.rows != report.rows {
        return Err(format!("{}: {} rows sent, {} arrived", client.name, report.rows, arrived.rows).into());
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "sizes of memory")]
fn memory_line(table: &mut String, name: &str, report: &Report, bytes: u64) -> Result<(), Failure> {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let growth = report.peak_bytes - report.idle_bytes;
    writeln!(
        table,
        "| {name} | {:.1} | {:.1} | {:.1} | {:.1} | {:.2} |",
        mib(report.idle_bytes),
        mib(report.peak_bytes),
        mib(growth),
        mib(bytes),
        growth as f64 / bytes as f64
    )?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures of a short run")]
fn per_row(value: u64, report: &Report) -> f64 {
    value as f64 / report.rows.max(1) as f64
}

fn median(reports: &[Report], value: impl Fn(&Report) -> f64) -> f64 {
    let mut values: Vec<f64> = reports.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
