//! `symbolon-conform`: the conformance suite as a program.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use symbolon_conformance::suite::expected::Expected;
use symbolon_conformance::suite::report::{self, Report};
use symbolon_conformance::suite::run::{self, Plan};
use symbolon_conformance::suite::transcript::Transcript;
use symbolon_conformance::suite::{Case, Role, again, cases};
use symbolon_conformance::testee::{self, Testee};
use symbolon_conformance::{import, link_party, replay, vectors};

/// Nothing matched, or the command line or a file is wrong.
const USAGE: u8 = 2;
/// The testee could not be reached in any case.
const UNREACHABLE: u8 = 3;

const EXIT_CODES: &str = "\
Exit codes:
  0 as expected   1 a deviation   2 wrong usage, or nothing matched   3 the testee was never reached (the report is written)";

/// Conformance tests for the interconnection protocols of privacy computing: ECDH-PSI, SS-LR, the dealer.
#[derive(Debug, Parser)]
#[command(name = "symbolon-conform", version, max_term_width = 110, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the cases
    List {
        /// Cases by id; `*` stands for anything [default: all]
        #[arg(value_name = "PATTERN")]
        cases: Vec<String>,
        /// Only for these roles of the testee: rank0, rank1, dealer
        #[arg(long, value_name = "ROLE", value_delimiter = ',', value_parser = role)]
        role: Vec<Role>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Run cases against an implementation
    Run(Box<RunOptions>),
    /// Say what a case is about: the clause, its source, why it matters
    Explain {
        /// The case's id
        id: String,
    },
    /// Play a case again by its transcript and show the first difference; or a recorded run of a real engine against
    /// Symbolon's library
    Replay(ReplayOptions),
    /// Symbolon's link as a testee: does the script in a case's file of values
    #[command(hide = true)]
    LinkParty {
        /// The file
        params: PathBuf,
    },
    /// What concerns the vector files
    Vectors {
        #[command(subcommand)]
        command: VectorsCommand,
    },
    /// Put many reports into one HTML table of cases and implementations
    Matrix {
        /// Reports, as `run --out` writes them
        #[arg(required = true)]
        reports: Vec<PathBuf>,
        /// Where the page goes
        #[arg(long, default_value = "matrix.html", value_name = "HTML")]
        out: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum VectorsCommand {
    /// Hold every vector file against the schema of its format
    Check {
        /// The folder of the vectors
        #[arg(default_value = "vectors")]
        folder: PathBuf,
    },
}

/// What is tested.
#[derive(Debug, clap::Args)]
struct TesteeOptions {
    /// Description of the implementation: a TOML file, or the name of one that comes with the suite
    #[arg(long, value_name = "TOML")]
    testee: String,
    /// Replaces the description's `program`
    #[arg(long, value_name = "PATH")]
    program: Option<String>,
}

#[derive(Debug, clap::Args)]
struct ReplayOptions {
    /// `transcript.json` of a case, as a report names it; or a recording, as in vectors/recordings
    file: PathBuf,
    /// Of a transcript: description of the implementation, a TOML file or a name
    #[arg(long, value_name = "TOML")]
    testee: Option<String>,
    /// Of a transcript: replaces the description's `program`
    #[arg(long, value_name = "PATH")]
    program: Option<String>,
    /// Of a transcript: gets the new transcript and the testee's log
    #[arg(long, default_value = "target/conform-replay", value_name = "FOLDER")]
    out: PathBuf,
    /// Of a recording: only this rank
    #[arg(long)]
    rank: Option<usize>,
}

#[derive(Debug, clap::Args)]
struct RunOptions {
    /// Cases by id; `*` stands for anything [default: all]
    #[arg(value_name = "PATTERN")]
    cases: Vec<String>,
    #[command(flatten)]
    testee: TesteeOptions,
    /// Only these roles of the testee: rank0, rank1, dealer
    #[arg(long, value_name = "ROLE", value_delimiter = ',', value_parser = role)]
    role: Vec<Role>,
    /// Cases that run at the same time
    #[arg(long, default_value_t = 6, value_name = "COUNT")]
    jobs: usize,
    /// Gets report.json, junit.xml, report.html and a folder per case
    #[arg(long, default_value = "target/conform", value_name = "FOLDER")]
    out: PathBuf,
    /// Results that are known: only deviations from this file fail
    #[arg(long, value_name = "FILE")]
    expected: Option<PathBuf>,
    /// Write this run's results as such a file
    #[arg(long, value_name = "FILE")]
    write_expected: Option<PathBuf>,
    /// Lenient results, and failures of the level `observed`, are deviations too
    #[arg(long)]
    strict: bool,
    /// Only tell what would be run
    #[arg(long)]
    dry_run: bool,
    /// Print every result as it comes
    #[arg(long, short)]
    verbose: bool,
}

fn role(word: &str) -> Result<Role, String> {
    Role::named(word).ok_or_else(|| "choose rank0, rank1 or dealer".into())
}

fn main() -> ExitCode {
    match command(Cli::parse().command) {
        Ok(code) => ExitCode::from(code),
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::from(USAGE)
        }
    }
}

/// The exit code, or what is wrong with the usage.
fn command(command: Command) -> Result<u8, String> {
    match command {
        Command::List { cases, role, json } => list(&cases, &role, json),
        Command::Run(options) => run(&options),
        Command::Explain { id } => explain(&id),
        Command::Replay(options) => replay(&options),
        Command::LinkParty { params } => Ok(link_party(&params)),
        Command::Vectors { command: VectorsCommand::Check { folder } } => check_vectors(&folder),
        Command::Matrix { reports, out } => matrix(&reports, &out),
    }
}

fn list(patterns: &[String], roles: &[Role], json: bool) -> Result<u8, String> {
    let runs = selected(patterns, roles)?;
    if json {
        let values: Vec<_> = runs.iter().map(|(case, role)| description(case, *role)).collect();
        println!("{:#}", serde_json::Value::from(values));
        return Ok(0);
    }
    for (case, role) in &runs {
        let erratum = case.erratum.map(|number| format!("E{number:02}")).unwrap_or_default();
        println!("{:<8} {erratum:<4} {:<7} {}", case.level, role, case.id);
    }
    println!("{} cases and roles", runs.len());
    Ok(0)
}

fn description(case: &Case, role: Role) -> serde_json::Value {
    serde_json::json!({
        "case": case.id,
        "role": role,
        "level": case.level,
        "source": case.source,
        "erratum": case.erratum,
        "requirement": case.requirement,
        "why": case.why,
    })
}

fn selected(patterns: &[String], roles: &[Role]) -> Result<Vec<(&'static Case, Role)>, String> {
    let runs = cases::selected(patterns, roles)?;
    if runs.is_empty() {
        return Err("no case matches; `symbolon-conform list` has them all".into());
    }
    Ok(runs)
}

/// The testee of that file or name.
fn described(name: &str, program: Option<&str>) -> Result<Testee, String> {
    let path = Path::new(name);
    let path = if path.is_file() {
        path.to_owned()
    } else {
        testee::shipped(name)
            .ok_or_else(|| format!("{name}: there is no such file, nor a testee of that name"))?
    };
    let mut testee = Testee::read(&path).map_err(|error| error.to_string())?;
    if let Some(program) = program {
        program.clone_into(&mut testee.program);
    }
    Ok(testee)
}

fn run(options: &RunOptions) -> Result<u8, String> {
    let testee = described(&options.testee.testee, options.testee.program.as_deref())?;
    let expected = match &options.expected {
        None => Expected::default(),
        Some(path) => {
            Expected::parse(&read(path)?).map_err(|problem| format!("{}: {problem}", path.display()))?
        }
    };
    let runs = selected(&options.cases, &options.role)?;
    if options.dry_run {
        for (case, role) in &runs {
            println!("{} [{role}]", case.id);
        }
        return Ok(0);
    }
    let jobs = if testee.is_fixed() { 1 } else { options.jobs };
    let dialect = testee.dialect()?;
    let plan = Plan { testee: &testee, dialect, runs, jobs, folder: options.out.join("cases") };
    let report = run::run(&plan, &|result| {
        if options.verbose {
            println!("{}", report::line(result));
        }
    });
    std::fs::create_dir_all(&options.out).map_err(|error| format!("{}: {error}", options.out.display()))?;
    write(&options.out.join("report.json"), &report.to_json().map_err(|error| error.to_string())?)?;
    write(&options.out.join("junit.xml"), &report::junit(&report))?;
    write(&options.out.join("report.html"), &report::html(&report))?;
    if let Some(path) = &options.write_expected {
        write(path, &Expected::record(&report))?;
    }
    print!("{}", report::text(&report));
    println!("report in {}", options.out.display());
    verdict(&report, &expected, options.strict)
}

fn verdict(report: &Report, expected: &Expected, strict: bool) -> Result<u8, String> {
    if report.is_unreachable() {
        eprintln!("the testee took part in no case: is its command right?");
        return Ok(UNREACHABLE);
    }
    let deviations = expected.deviations(report, strict);
    for deviation in &deviations {
        println!("deviation: {deviation}");
    }
    Ok(u8::from(!deviations.is_empty()))
}

fn explain(id: &str) -> Result<u8, String> {
    let case = cases::named(id).ok_or_else(|| format!("there is no case {id:?}; `list` has them all"))?;
    let roles: Vec<_> = case.roles.iter().map(Role::to_string).collect();
    println!("{} ({}), testee as {}\n", case.id, case.level, roles.join(" or "));
    println!("{}\n", case.requirement);
    println!("source   {}", case.source);
    if let Some(number) = case.erratum {
        println!("erratum  E{number:02}: the sources disagree, see docs/errata.md");
    }
    println!("why      {}", case.why);
    Ok(0)
}

fn link_party(params: &Path) -> u8 {
    match link_party::play(params) {
        Ok(()) => 0,
        Err(problem) => {
            eprintln!("error: {problem}");
            1
        }
    }
}

fn replay(options: &ReplayOptions) -> Result<u8, String> {
    match again::read(&options.file).map_err(|error| error.to_string())? {
        Some(transcript) => replay_case(options, &transcript),
        None => replay_recording(&options.file, options.rank),
    }
}

/// Plays the transcript's case again and compares.
fn replay_case(options: &ReplayOptions, then: &Transcript) -> Result<u8, String> {
    let name = options.testee.as_deref().ok_or("a transcript is played against a testee: add --testee")?;
    let testee = described(name, options.program.as_deref())?;
    let case = cases::named(&then.case).ok_or_else(|| format!("there is no case {:?} here", then.case))?;
    let runs = vec![(case, then.role)];
    let dialect = testee.dialect()?;
    let plan = Plan { testee: &testee, dialect, runs, jobs: 1, folder: options.out.join("cases") };
    let report = run::run(&plan, &|_| {});
    print!("{}", report::text(&report));
    let now = report.results.first().and_then(|result| result.transcript.as_deref());
    let now = now.ok_or("the case has no transcript now")?;
    println!("then  {}\nnow   {}", options.file.display(), now.display());
    let Some(now) = again::read(now).map_err(|error| error.to_string())? else {
        return Err(format!("{} is no transcript", now.display()));
    };
    match again::first_difference(then, &now) {
        None => println!("no difference: the same keys, sizes and codes"),
        Some(difference) => {
            println!("first difference\n  {difference}");
            return Ok(1);
        }
    }
    Ok(0)
}

fn replay_recording(path: &Path, rank: Option<usize>) -> Result<u8, String> {
    let recording = import::read_any(path).map_err(|error| error.to_string())?;
    let mut good = true;
    for rank in rank.map_or(0..2, |rank| rank..rank + 1) {
        let report = replay::replay(&recording, rank).map_err(|error| error.to_string())?;
        good &= report.passed();
        println!("{report}");
    }
    Ok(u8::from(!good))
}

fn check_vectors(folder: &Path) -> Result<u8, String> {
    let lint = vectors::check(folder).map_err(|error| error.to_string())?;
    println!("{lint}");
    Ok(u8::from(!lint.passed()))
}

fn matrix(paths: &[PathBuf], out: &Path) -> Result<u8, String> {
    let reports: Vec<Report> = paths
        .iter()
        .map(|path| Report::read(path))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    write(out, &report::matrix(&reports))?;
    println!("{}", out.display());
    Ok(0)
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
