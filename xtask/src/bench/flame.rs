//! A flame graph from what `perf script` prints: who called whom, as wide as the samples that were in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, Read as _};
use std::path::PathBuf;

use symbolon_conformance::suite::report::escaped;

/// A flame graph of a recording, from the output of `perf script` at standard input
///
/// For names and callers, build with frame pointers: `RUSTFLAGS=-Cforce-frame-pointers=yes cargo build --profile profiling -p symbolon`; record with `perf record -g`.
#[derive(Debug, clap::Args)]
pub(super) struct FlameArguments {
    /// The picture
    #[arg(long, value_name = "SVG")]
    out: PathBuf,
    /// Its title
    #[arg(long)]
    title: String,
    /// Only processes and threads whose name begins so
    #[arg(long, default_value = "symbolon")]
    threads: String,
    /// Leave out samples under functions whose name contains one of these
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    without: Vec<String>,
}

/// Pixels.
const WIDTH: f64 = 1600.0;
const ROW: f64 = 17.0;
const NARROWEST: f64 = 1.0;
const LETTER: f64 = 6.4;

pub(super) fn run(arguments: &FlameArguments) -> Result<(), String> {
    let mut text = Vec::new();
    std::io::stdin().lock().read_to_end(&mut text).map_err(|error| error.to_string())?;
    let mut root = Node::default();
    for stack in stacks(&text) {
        let is_left_out = |name: &String| arguments.without.iter().any(|text| name.contains(text.as_str()));
        if stack.first().is_some_and(|name| name.starts_with(&arguments.threads))
            && !stack.iter().any(is_left_out)
        {
            root.add(&stack);
        }
    }
    if root.samples == 0 {
        return Err("no sample of such a thread at standard input".into());
    }
    std::fs::write(&arguments.out, picture(&root, &arguments.title))
        .map_err(|error| format!("{}: {error}", arguments.out.display()))
}

/// A function under its callers.
#[derive(Default)]
struct Node {
    samples: u64,
    callees: BTreeMap<String, Node>,
}

impl Node {
    fn add(&mut self, stack: &[String]) {
        self.samples += 1;
        if let Some((first, rest)) = stack.split_first() {
            self.callees.entry(first.clone()).or_default().add(rest);
        }
    }

    fn depth(&self) -> usize {
        1 + self.callees.values().map(Self::depth).max().unwrap_or(0)
    }
}

/// The stacks of a recording: the thread's name, then its functions from the outermost on.
fn stacks(text: &[u8]) -> Vec<Vec<String>> {
    let mut stacks: Vec<Vec<String>> = Vec::new();
    for line in text.lines().map_while(Result::ok) {
        if line.trim().is_empty() {
            continue;
        }
        if !line.starts_with(char::is_whitespace) {
            // The name, which may have spaces, stands before the number of the process.
            let name = line.split_whitespace().take_while(|word| word.parse::<u64>().is_err());
            stacks.push(vec![name.collect::<Vec<_>>().join(" ")]);
        } else if let Some(stack) = stacks.last_mut() {
            stack.push(function(&line));
        }
    }
    for stack in &mut stacks {
        // Listed from the innermost on.
        if let Some((_, functions)) = stack.split_first_mut() {
            functions.reverse();
        }
    }
    stacks
}

/// The name in `ffffffff81  name+0x1f (file)`.
fn function(line: &str) -> String {
    let name = line.trim().split_once(' ').map_or("", |(_, rest)| rest);
    let name = name.rsplit_once(" (").map_or(name, |(name, _)| name);
    let name = name.rsplit_once("+0x").map_or(name, |(name, _)| name);
    name.replace("symbolon_", "")
}

fn picture(root: &Node, title: &str) -> String {
    let height = ROW * (root.depth() + 2) as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"monospace\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n<text x=\"4\" y=\"14\" font-size=\"13\">{}, {} samples</text>\n",
        escaped(title),
        root.samples
    );
    draw(root, root.samples as f64, 0.0, height - ROW, &mut out);
    out.push_str("</svg>\n");
    out
}

/// The callees of a node, side by side from `left` on with their lower edge at `bottom`, and theirs above them.
fn draw(node: &Node, all: f64, left: f64, bottom: f64, out: &mut String) {
    let mut left = left;
    for (name, callee) in &node.callees {
        let width = callee.samples as f64 / all * WIDTH;
        if width >= NARROWEST {
            let letters = (width / LETTER) as usize;
            let label: String =
                if letters > 2 { name.chars().take(letters - 1).collect() } else { String::new() };
            // Writing to a string does not fail.
            let _ = writeln!(
                out,
                "<g><title>{}: {:.2} %</title><rect x=\"{left:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{:.1}\" \
                 fill=\"{}\" stroke=\"#ffffff\" stroke-width=\"0.4\"/><text x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
                escaped(name),
                100.0 * callee.samples as f64 / all,
                bottom - ROW,
                ROW - 1.0,
                colour(name),
                left + 2.0,
                bottom - 5.0,
                escaped(&label),
            );
            draw(callee, all, left, bottom - ROW, out);
        }
        left += width;
    }
}

/// The same name has the same colour.
fn colour(name: &str) -> String {
    let hash = name.bytes().fold(5381_u32, |hash, byte| hash.wrapping_mul(33) ^ u32::from(byte));
    format!("hsl({}, 75%, {}%)", 20 + hash % 40, 65 + hash / 64 % 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: &str = "symbolon-net 12 [001]  5.1:   500 cpu-clock:pppH:\n\
        \tffff81 tcp_sendmsg+0x1f ([kernel.kallsyms])\n\
        \t55aa01 symbolon_grpc::calls::Calls::call+0x2 (/usr/bin/symbolon)\n\n\
        symbolon-net 12 [001]  5.2:   500 cpu-clock:pppH:\n\
        \t55aa01 symbolon_grpc::calls::Calls::call+0x9 (/usr/bin/symbolon)\n\n\
        two words 13 [000]  5.3:   500 cpu-clock:pppH:\n\
        \t7f00 <T as U>::f+0x1 (/usr/bin/other)\n";

    #[test]
    fn stacks_are_read_from_the_outermost_function_on() {
        let stacks = stacks(RECORDED.as_bytes());
        assert_eq!(stacks[0], ["symbolon-net", "grpc::calls::Calls::call", "tcp_sendmsg"]);
        assert_eq!(stacks[1], ["symbolon-net", "grpc::calls::Calls::call"]);
        assert_eq!(stacks[2], ["two words", "<T as U>::f"]);
    }

    #[test]
    fn a_function_is_as_wide_as_its_samples() {
        let mut root = Node::default();
        stacks(RECORDED.as_bytes()).iter().for_each(|stack| root.add(stack));
        let picture = picture(&root, "a & b");
        assert!(picture.contains("a &amp; b, 3 samples"));
        assert!(picture.contains("<title>grpc::calls::Calls::call: 66.67 %</title>"));
        assert!(picture.contains("<title>tcp_sendmsg: 33.33 %</title>"));
        assert!(picture.contains("<title>&lt;T as U&gt;::f: 33.33 %</title>"));
    }
}
