//! The table on standard output, a line as soon as it is known.

use std::io::{self, Write};

use super::measure::Cost;

/// Prints the size and the names of the columns.
pub(super) fn heading(nodes: usize) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "\n{nodes} nodes, {} pods", nodes * 10)?;
    writeln!(
        out,
        "{:<34}{:>8}{:>9}{:>9}{:>10}{:>8}{:>7}{:>7}{:>6}{:>6}  output",
        "", "wall s", "CPU s", "peak MB", "requests", "a node", "429", "files", "left", "exit"
    )
}

/// Prints the cost of a command.
pub(super) fn line(title: &str, nodes: usize, cost: &Cost) -> io::Result<()> {
    let mut out = io::stdout();
    let requests = cost.requests.count();
    let code = cost.code.map_or_else(|| "killed".to_owned(), |code| code.to_string());
    writeln!(
        out,
        "{title:<34}{:>8.1}{:>9.1}{:>9.1}{requests:>10}{:>8.2}{:>7}{:>7}{:>6}{code:>6}  {} out, {} err",
        cost.wall.as_secs_f64(),
        cost.cpu,
        megabytes(cost.peak),
        number(requests) / number(nodes),
        cost.requests.too_many,
        cost.descriptors,
        cost.left,
        size(cost.out),
        size(cost.err)
    )?;
    out.flush()
}

/// Prints how many times the floor a command costs.
pub(super) fn ratio(cost: &Cost, floor: &Cost) -> io::Result<()> {
    writeln!(
        io::stdout(),
        "{:<34}{:>8.2}{:>9.2}{:>9.2}{:>10.2}",
        "  times the bare client",
        cost.wall.as_secs_f64() / floor.wall.as_secs_f64(),
        cost.cpu / floor.cpu,
        megabytes(cost.peak) / megabytes(floor.peak),
        number(cost.requests.count()) / number(floor.requests.count())
    )
}

/// Prints how each cost grew from the smallest size to each larger one, divided by the growth of nodes and pods together: 1 is
/// a cost that grows as the cluster does, and more is a cost that grows faster.
pub(super) fn growth(measured: &[(usize, Vec<(String, Cost)>)]) -> io::Result<()> {
    let mut out = io::stdout();
    let [(small, before), larger @ ..] = measured else { return Ok(()) };
    for (size, after) in larger {
        writeln!(out, "\ngrowth from {small} to {size} nodes, beside that of nodes and pods")?;
        writeln!(out, "{:<34}{:>8}{:>9}{:>9}{:>10}", "", "wall", "CPU", "peak", "requests")?;
        // A node comes with ten pods, so that nodes and pods together grow as the nodes do.
        let grown = number(*size) / number(*small);
        for (title, cost) in after {
            let Some((_, first)) = before.iter().find(|(other, _)| other == title) else { continue };
            let of = |measure: &dyn Fn(&Cost) -> f64| measure(cost) / measure(first) / grown;
            writeln!(
                out,
                "{title:<34}{:>8.2}{:>9.2}{:>9.2}{:>10.2}",
                of(&|cost| cost.wall.as_secs_f64()),
                of(&|cost| cost.cpu),
                of(&|cost| megabytes(cost.peak)),
                of(&|cost| number(cost.requests.count()))
            )?;
        }
    }
    Ok(())
}

/// Prints the size of a file that a run wrote.
pub(super) fn file(title: &str, bytes: u64) -> io::Result<()> {
    writeln!(io::stdout(), "  {title}: {}", size(bytes))
}

fn size(bytes: u64) -> String {
    if bytes < 100_000 { format!("{bytes} B") } else { format!("{:.1} MB", megabytes(bytes)) }
}

/// Returns a size in units of 2^20 bytes.
pub(super) fn megabytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes >> 10).unwrap()) / 1024.0
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}
