//! How distilled sets stand between random images and full data.

use super::super::figures;
use super::super::protocol::{MEANING, Standing, standings};
use super::super::summary::Group;
use super::facts::Facts;
use super::html::{Column, Field, note, table};

/// Empty where no group can be set beside full data or random images.
pub fn standing(facts: &Facts) -> String {
    let groups: Vec<&Group> = facts.indices().map(|index| &facts.side(index).group).collect();
    let all = standings(&groups);
    let told: Vec<(usize, Standing)> =
        all.into_iter().enumerate().filter(|(_, standing)| *standing != Standing::default()).collect();
    if told.is_empty() {
        return String::new();
    }
    let numbers = |head: &str, figure: fn(&Standing) -> Option<f64>, write: fn(f64) -> String| {
        let field = |(_, standing): &(usize, Standing)| {
            let value = figure(standing);
            Field::number(value.map_or(String::new(), write), value)
        };
        Column::numbers(head, told.iter().map(field).collect())
    };
    let accuracy = |(index, _): &(usize, Standing)| {
        let mean = facts.accuracy(*index).map(|spread| spread.mean);
        Field::number(mean.map_or(String::new(), figures::percent), mean)
    };
    let share = |value: f64| format!("{value:.3}");
    let columns = vec![
        Column::words("group", told.iter().map(|(index, _)| Field::words(facts.name(*index))).collect()),
        Column::numbers("accuracy %", told.iter().map(accuracy).collect()),
        numbers("% of full", |standing| standing.relative, figures::percent),
        numbers("HLR", |standing| standing.hlr, share),
        numbers("IOR", |standing| standing.ior, share),
        numbers("LRS", |standing| standing.lrs, share),
        numbers("ARS", |standing| standing.ars, share),
    ];
    table(columns, &[]) + &note(MEANING)
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::Fixture;
    use super::super::super::origin::{Distillation, Images, Recipe};
    use super::super::facts::tests::facts;
    use super::*;

    #[test]
    fn sets_are_told_of_beside_full_data_and_random_images_and_nothing_is_where_there_are_none() {
        let mut fixture = Fixture::sets(&[&[0.80], &[0.80]]);
        for (arm, accuracy) in [("random", 0.30), ("matched", 0.50)] {
            fixture.add_sets(&format!("of {arm}"), &[&[accuracy]]);
        }
        let mut facts = facts(&fixture);
        assert_eq!(standing(&facts), "");
        for (place, side) in facts.sides.sides.iter_mut().enumerate() {
            let method = if place == 1 { "random" } else { "distribution-matching" };
            let set = Distillation {
                method: Some(method.into()),
                images_per_class: Some(1),
                stored_floats: None,
                hard_labels: true,
            };
            for row in &mut side.group.rows {
                row.origin.images = if place == 0 { Images::Full } else { Images::Distilled(set.clone()) };
                row.origin.subset = Some("photos".into());
                row.origin.recipe = Some(Recipe { settings: "{}".into(), transforms: "[]".into() });
            }
        }
        let page = standing(&facts);
        assert_eq!(page.matches("<tr>").count(), 3, "a head, and a row of each set: {page}");
        for part in
            ["% of full", "<td class=\"n\" data-v=\"0.625\">62.5</td>", ">0.300<", ">0.200<", "DD-Ranking"]
        {
            assert!(page.contains(part), "`{part}` is not in {page}");
        }
        assert!(!page.contains("ARS</button>"), "blank columns are left out");
    }
}
