//! What is wrong with `[energy]` of `pipeline.toml` beyond the types of its settings.

use super::problem::{Problem, Problems};
use super::source::Origin;
use super::tree::Node;
use crate::recipe::Energy;

/// `node` is the table; of settings whose origin is among `told` nothing more is said.
pub fn check(energy: &Energy, node: &Node, told: &[Origin]) -> Problems {
    let problems = [
        goes_with(node, "price_per_kwh", &["currency", "price_date", "price_source"]),
        goes_with(node, "g_per_kwh", &["g_per_kwh_date", "g_per_kwh_source"]),
        either(node, "country", "g_per_kwh"),
        either(node, "tdp_watts", "watts_per_thread"),
        currency(energy, node),
        date(node, "price_date", energy.price_date.as_deref()),
        date(node, "g_per_kwh_date", energy.g_per_kwh_date.as_deref()),
        idle(energy, node),
    ];
    let fresh = |problem: &Problem| problem.origin.as_ref().is_none_or(|origin| !told.contains(origin));
    problems.into_iter().flatten().filter(fresh).collect()
}

fn origin<'a>(node: &'a Node, key: &str) -> &'a Origin {
    node.get(key).map_or(&node.origin, |node| &node.origin)
}

/// A figure without its date and source cannot be checked by a reader; a source without a figure says nothing.
fn goes_with(node: &Node, figure: &str, rest: &[&str]) -> Option<Problem> {
    let lacking: Vec<&str> = rest.iter().copied().filter(|key| node.get(key).is_none()).collect();
    if node.get(figure).is_some() {
        let (first, others) = (lacking.first()?, lacking.len());
        let message = match others {
            1 => format!("`{figure}` lacks `{first}`"),
            _ => format!("`{figure}` lacks {}", super::problem::quoted_list(&lacking, "and")),
        };
        let hint = "a figure is worth what its source is: say where it is from and when it held";
        return Some(Problem::error(origin(node, figure), message).hint(hint));
    }
    let alone = rest.iter().find(|key| node.get(key).is_some())?;
    let problem = Problem::error(origin(node, alone), format!("`{alone}` says nothing without `{figure}`"));
    Some(problem.hint(format!("say `{figure}`, or leave `{alone}` out")))
}

fn either(node: &Node, one: &str, other: &str) -> Option<Problem> {
    let (first, second) = (node.get(one)?, node.get(other)?);
    let message = format!("`{one}` and `{other}` say the same thing twice");
    let problem = Problem::error(&second.origin, message).hint("leave one of them out");
    Some(problem.label(&first.origin, format!("`{one}`")))
}

fn currency(energy: &Energy, node: &Node) -> Option<Problem> {
    let currency = energy.currency.as_deref()?;
    if currency.len() == 3 && currency.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return None;
    }
    let problem = Problem::error(origin(node, "currency"), format!("`{currency}` is no currency"));
    Some(problem.hint("three capital letters, as ISO 4217 has them: `EUR`, `USD`"))
}

/// `2025`, `2025-06` or `2025-06-30`.
fn date(node: &Node, key: &str, text: Option<&str>) -> Option<Problem> {
    let text = text?;
    let parts: Vec<&str> = text.split('-').collect();
    let in_range = |part: &str, digits: usize, range: std::ops::RangeInclusive<u32>| {
        part.len() == digits && part.parse().is_ok_and(|number| range.contains(&number))
    };
    let is_date = match parts[..] {
        [year] => in_range(year, 4, 1990..=2999),
        [year, month] => in_range(year, 4, 1990..=2999) && in_range(month, 2, 1..=12),
        [year, month, day] => {
            in_range(year, 4, 1990..=2999) && in_range(month, 2, 1..=12) && in_range(day, 2, 1..=31)
        }
        _ => false,
    };
    let problem = || Problem::error(origin(node, key), format!("`{text}` is no date"));
    (!is_date).then(|| problem().hint("write `2025`, `2025-06` or `2025-06-30`"))
}

fn idle(energy: &Energy, node: &Node) -> Option<Problem> {
    let (idle, tdp) = (energy.idle_watts?, energy.tdp_watts?);
    if idle < tdp {
        return None;
    }
    let message = format!("idle power of {idle} W is no less than the processor's {tdp} W");
    let problem = Problem::error(origin(node, "idle_watts"), message);
    Some(problem.label(origin(node, "tdp_watts"), "`tdp_watts`"))
}
