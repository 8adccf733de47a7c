//! What a page says first: a verdict made from the numbers, and how far it goes.

use super::super::compare::{points_of, sentence};
use super::super::figures;
use super::super::judge::Opinion;
use super::super::statistics::{Finding, Spread, Verdict, wilson};
use super::super::summary::{STEPS, TEST_IMAGES};
use super::facts::Facts;

/// One sentence.
pub fn headline(facts: &Facts) -> String {
    let compared = facts.indices().filter(|index| facts.judged[*index].is_some());
    let compared: Vec<usize> = compared.collect();
    if compared.is_empty() {
        return alone(facts);
    }
    let given = |index: &usize| match facts.judged[*index].as_ref()?.opinion.as_ref()? {
        Opinion::Given(verdict) => Some((*index, *verdict)),
        Opinion::Withheld(_) => None,
    };
    let given: Vec<(usize, Verdict)> = compared.iter().filter_map(given).collect();
    if let Some((index, verdict)) = cheapest_shown(facts, &given) {
        return shown(facts, index, &verdict);
    }
    let open: Vec<(usize, Verdict)> =
        given.iter().filter(|(_, verdict)| verdict.finding != Finding::Worse).copied().collect();
    let said = match (nearest(&open), nearest(&given)) {
        (Some((index, verdict)), _) => not_shown(facts, index, &verdict),
        (None, Some((index, verdict))) => all_worse(facts, index, &verdict),
        (None, None) => return withheld(facts, compared[0]),
    };
    let without = compared.len() - given.len();
    match without {
        0 => said,
        1 => format!("{said} 1 group carries no verdict."),
        many => format!("{said} {many} groups carry no verdict."),
    }
}

fn alone(facts: &Facts) -> String {
    let Some(best) = facts.best() else { return "No run has scores yet.".to_string() };
    let accuracy = facts.accuracy(best).map_or(String::new(), percent);
    format!("{} reaches {accuracy}; there is nothing to compare it with.", facts.name(best))
}

fn cheapest_shown(facts: &Facts, given: &[(usize, Verdict)]) -> Option<(usize, Verdict)> {
    let cost = |index: usize| facts.cost(index).map_or(f64::INFINITY, |cost| cost.mean);
    let shown = given.iter().filter(|(_, verdict)| verdict.finding == Finding::Shown);
    shown.min_by(|(one, _), (other, _)| cost(*one).total_cmp(&cost(*other))).copied()
}

fn nearest(given: &[(usize, Verdict)]) -> Option<(usize, Verdict)> {
    given.iter().max_by(|(_, one), (_, other)| one.difference.total_cmp(&other.difference)).copied()
}

fn shown(facts: &Facts, index: usize, verdict: &Verdict) -> String {
    let (name, baseline, margin) = (facts.name(index), baseline(facts, index), points_of(facts.margin));
    let claim = if verdict.is_better_by_more() {
        format!("{name} is more accurate than {baseline} by more than {margin}")
    } else {
        format!("{name} is within {margin} of {baseline}")
    };
    format!("Shown: {claim}{} ({}).", at_its_cost(facts, index), seen(verdict))
}

/// `, at × 0.028 its joules`
fn at_its_cost(facts: &Facts, index: usize) -> String {
    let ratio = facts.sides.ratio(facts.side(index), facts.cost.quantity);
    ratio.map_or(String::new(), |ratio| format!(", at {} its {}", figures::ratio(ratio), facts.cost.unit))
}

fn not_shown(facts: &Facts, index: usize, verdict: &Verdict) -> String {
    format!(
        "Not shown for any group: that it is within {} of {}. The nearest is {}{} ({}).",
        points_of(facts.margin),
        baseline(facts, index),
        facts.name(index),
        at_its_cost(facts, index),
        seen(verdict)
    )
}

fn all_worse(facts: &Facts, index: usize, verdict: &Verdict) -> String {
    format!(
        "No: every group that can be judged is worse than {} by more than {}. The nearest is {} ({}).",
        baseline(facts, index),
        points_of(facts.margin),
        facts.name(index),
        seen(verdict)
    )
}

fn withheld(facts: &Facts, first: usize) -> String {
    let reason = match facts.judged[first].as_ref().and_then(|judged| judged.opinion.as_ref()) {
        Some(Opinion::Withheld(reason)) => reason.as_str(),
        _ => "nothing can be judged",
    };
    let best = facts.best().map_or(String::new(), |best| {
        let accuracy = facts.accuracy(best).map_or(String::new(), percent);
        format!(" The highest accuracy is that of {}: {accuracy}.", facts.name(best))
    });
    format!("No verdict against {}: {reason}.{best}", baseline(facts, first))
}

fn baseline(facts: &Facts, index: usize) -> String {
    facts.side(index).against.map_or(String::new(), |against| facts.name(against))
}

fn seen(verdict: &Verdict) -> String {
    let (low, high) = verdict.interval;
    format!(
        "difference {} points, 95 % interval {} to {}",
        figures::points(verdict.difference),
        figures::points(low),
        figures::points(high)
    )
}

/// `82.5 ± 1.5 % (n = 3)`
pub fn percent(spread: Spread) -> String {
    let sd = spread.sd.map_or(String::new(), |sd| format!(" ± {}", figures::percent(sd)));
    format!("{}{sd} % (n = {})", figures::percent(spread.mean), spread.n)
}

/// A sentence for each comparison.
pub fn verdicts(facts: &Facts) -> Vec<String> {
    let each = facts.sides.sides.iter().zip(&facts.judged);
    each.filter_map(|(side, judged)| sentence(&facts.sides, side, judged.as_ref()?, facts.margin)).collect()
}

/// What the numbers say, in a few lines.
pub fn interpretation(facts: &Facts) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(best) = facts.best()
        && let Some(accuracy) = facts.accuracy(best)
    {
        let marked =
            if facts.side(best).group.undertrained() > 0 { ", and not yet fully trained" } else { "" };
        lines.push(format!("Most accurate: {}, {}{marked}.", facts.name(best), percent(accuracy)));
    }
    let front = facts.front();
    if front.len() > 1 {
        let names: Vec<String> = front.iter().map(|index| facts.name(*index)).collect();
        lines.push(format!(
            "From the cheapest to the most accurate in {}: {}. Every other group costs more than one of these and reaches no more.",
            facts.cost.unit,
            names.join("; ")
        ));
    }
    lines.extend(at_chance(facts));
    lines.extend(resolution(facts));
    lines
}

/// Groups whose accuracy cannot be told from guessing.
fn at_chance(facts: &Facts) -> Option<String> {
    let guesses = |index: &usize| {
        let group = &facts.side(*index).group;
        let chance = group.rows.first().and_then(|row| row.scores.chance());
        chance.zip(group.wilson()).is_some_and(|(chance, (low, high))| low <= chance && chance <= high)
    };
    let names: Vec<String> = facts.indices().filter(guesses).map(|index| facts.name(index)).collect();
    let be = if names.len() == 1 { "does" } else { "do" };
    (!names.is_empty()).then(|| format!("{} {be} no better than guessing.", names.join("; ")))
}

/// What so many test images can tell apart.
fn resolution(facts: &Facts) -> Option<String> {
    let best = facts.best()?;
    let group = &facts.side(best).group;
    let images = group.constant(TEST_IMAGES)? as f64;
    let accuracy = facts.accuracy(best)?.mean.clamp(0.02, 0.98);
    let (low, high) = wilson(accuracy, images);
    // Two networks whose errors are unrelated, a margin of half the interval's width of their difference.
    let needed = 2.0 * accuracy * (1.0 - accuracy) * (1.959_964 / facts.margin).powi(2);
    Some(format!(
        "{images} test images tell an accuracy of {} % to ± {:.1} points; to tell {} apart they would have to be about {:.0}, or the networks err on the same images.",
        figures::percent(accuracy),
        50.0 * (high - low),
        points_of(facts.margin),
        (needed / 100.0).ceil() * 100.0
    ))
}

/// What a reader must not overlook.
pub fn cautions(facts: &Facts) -> Vec<String> {
    let mut lines = Vec::new();
    let undertrained: usize = facts.indices().map(|index| facts.side(index).group.undertrained()).sum();
    if undertrained > 0 {
        lines.push(format!(
            "{} still improved when training stopped (†): their groups carry no verdict.",
            figures::plural(undertrained, "network")
        ));
    }
    let stand_ins = facts.indices().map(|index| facts.side(index).group.dataset.clone());
    let mut stand_ins: Vec<String> = stand_ins.filter(|name| name.contains("standing in")).collect();
    stand_ins.dedup();
    lines.extend(
        stand_ins.iter().map(|name| format!("The images are {name}: no figure here is about the real ones.")),
    );
    let missing: usize = facts.indices().map(|index| facts.side(index).group.without_scores).sum();
    if missing > 0 {
        lines.push(format!("{} without scores.", figures::plural(missing, "run")));
    }
    let upstream: usize = facts.indices().map(|index| facts.side(index).group.upstream()).sum();
    if upstream > 0 {
        let runs = figures::plural(upstream, "run");
        lines.push(format!(
            "{runs} started from weights made elsewhere: what those cost is not known, and in no total."
        ));
    }
    let steps: Vec<u64> =
        facts.indices().filter_map(|index| facts.side(index).group.constant(STEPS)).collect();
    if steps.windows(2).any(|pair| pair[0] != pair[1]) {
        lines.push("Groups were trained for different numbers of steps: see the leaderboard.".to_string());
    }
    lines.extend(about_costs(facts));
    lines
}

fn about_costs(facts: &Facts) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(machines) = facts.sides.unlike_hardware() {
        let machines: Vec<&str> = machines.into_iter().collect();
        lines.push(format!(
            "Runs were timed on unlike machines ({}): their costs are not ranked.",
            machines.join("; ")
        ));
    }
    if let Some(meters) = facts.sides.unlike_meters() {
        let meters: Vec<String> = meters.into_iter().collect();
        lines.push(format!("Energy was taken with unlike meters ({}): it is not ranked.", meters.join("; ")));
    }
    if facts.cost.unit == "seconds" {
        lines
            .push("No energy was metered for every run: costs are seconds, which are no joules.".to_string());
    }
    if facts.indices().any(|index| facts.is_modelled(index)) {
        lines.push(
            "Joules are modelled from CPU-seconds where they carry ≈: between two of them a ratio is one of CPU-seconds; what other watts would change stands under Break-even."
                .to_string(),
        );
    }
    lines
}
