//! What the spread below a table is over, in words.

use super::summary::Group;

/// What ± and n are over, where anything is replicated.
pub fn meaning_of_spread(groups: &[Group]) -> Option<String> {
    let widest = groups.iter().max_by_key(|group| group.over.len()).filter(|group| !group.over.is_empty())?;
    let (outer, inner) = widest.over.split_first()?;
    let first = match inner {
        [] => String::new(),
        axes => format!("averaged over {}{} first; ", quoted(axes), in_each(groups, widest)),
    };
    Some(format!("{first}± is the standard deviation over `{outer}`; n counts different results"))
}

/// ` (3 each)`: results by value of the outermost axis, of the groups replicated alike.
fn in_each(groups: &[Group], widest: &Group) -> String {
    let alike = groups.iter().filter(|group| group.over == widest.over);
    let counts: Vec<usize> =
        alike.flat_map(|group| group.runs_by_unit()).map(|(_, rows)| rows.len()).collect();
    match (counts.iter().min(), counts.iter().max()) {
        (Some(least), Some(most)) if least == most => format!(" ({most} each)"),
        (Some(least), Some(most)) => format!(" ({least} to {most} each)"),
        _ => String::new(),
    }
}

fn quoted(axes: &[String]) -> String {
    axes.iter().map(|axis| format!("`{axis}`")).collect::<Vec<_>>().join(" and ")
}
