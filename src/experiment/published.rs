//! `[published]` of an experiment: checked like a stage, and held against what the trainings record.

use super::check::check;
use super::problem::{Problem, Problems};
use super::shape::shapes;
use super::tree::Node;
use crate::recipe::{Published, Recipe, Statistic};

/// The table, where there is one.
pub fn read(tree: &Node, problems: &mut Problems) -> Option<Published> {
    let node = tree.get("published")?;
    if !node.is_table() {
        let problem = Problem::error(&node.origin, "`published` must be a table");
        problems.push(problem.hint("write `[published]` and the settings below it"));
        return None;
    }
    let checked = check(node, &shapes().published, "published");
    let sound = checked.problems.is_empty();
    problems.extend(checked.problems);
    let published: Published = serde_json::from_value(checked.value).ok().filter(|_| sound)?;
    if published.source.trim().is_empty() {
        let origin = node.get("source").map_or(&node.origin, |source| &source.origin);
        let problem = Problem::error(origin, "a published figure without its source cannot be checked");
        problems.push(problem.hint("name paper and table: `source = \"Zhao & Bilen 2023, table 1\"`"));
    }
    Some(published)
}

/// A figure to be held against one that no training will have.
pub fn unrecorded(tree: &Node, published: &Published, recipes: &[Recipe]) -> Option<Problem> {
    let mut trainings = recipes.iter().filter_map(|recipe| match recipe {
        Recipe::Train(train) => Some(train),
        _ => None,
    });
    if published.statistic == Statistic::Last || trainings.any(|train| train.test_curve) {
        return None;
    }
    let node = tree.get("published").and_then(|table| table.get("statistic"))?;
    let message = "no training records its best accuracy on the test split, which the figure is of";
    Some(
        Problem::warning(&node.origin, message)
            .hint("set `test_curve = true` of the trainings that are scored"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::{DESIGN, Folder};

    const TABLE: &str = "[published]\naccuracy = 26.0\nsd = 0.8\nstatistic = \"last\"\nsource = \"Zhao & Bilen 2023, table 1\"\n";

    #[test]
    fn a_published_figure_is_read_and_changes_no_stage() {
        let (with, without) = (Folder::new(&(DESIGN.to_string() + TABLE)), Folder::new(DESIGN));
        let experiment = with.load(&[]).unwrap();
        let published = experiment.published.unwrap();
        assert_eq!((published.accuracy, published.sd, published.statistic.name()), (26.0, Some(0.8), "last"));
        let stages = without.load(&[]).unwrap().graph.stages;
        assert!(experiment.graph.stages.iter().zip(&stages).all(|(a, b)| a.parameters == b.parameters));
    }

    #[test]
    fn a_wrong_published_figure_is_refused_at_its_place() {
        let said = |table: &str| Folder::new(&(DESIGN.to_string() + table)).said(&[]);
        insta::assert_snapshot!(said(&TABLE.replace("26.0", "260.0").replace("\"last\"", "\"lest\"")));
        insta::assert_snapshot!(said(&TABLE.replace("Zhao & Bilen 2023, table 1", " ")));
        insta::assert_snapshot!(said("[published]\naccuracy = 26\n"));
        insta::assert_snapshot!(said(&TABLE.replace("\"last\"", "\"best-on-test\"")));
        let axis = said(&TABLE.replace("26.0", "\"{arm.accuracy}\""));
        assert!(axis.contains("`accuracy` must be a number from 0 to 100"), "{axis}");
    }
}
