//! A network by itself, as a command line names it.

use super::check::check;
use super::parse::parse;
use super::problem::{Problems, has_errors, tidy};
use super::shape::{Table, shapes};
use super::source::Source;
use crate::recipe::{Describe, Network, Train};

/// Reads a name (`vgg16`) or an inline table (`{ convnext = { size = "pico" } }`), as a training's `network` is read.
pub fn network(text: &str) -> Result<Network, Problems> {
    let value = if text.trim_start().starts_with('{') { text.to_string() } else { format!("{text:?}") };
    let tree = parse(&Source::file("command line", format!("network = {value}"), 0))?;
    let training = shapes().kinds.get(Train::KIND).and_then(|training| training.field("network"));
    let field = training.expect("a training has a network").clone();
    let checked = check(&tree, &Table { doc: String::new(), fields: vec![field] }, "network");
    if has_errors(&checked.problems) {
        return Err(tidy(checked.problems));
    }
    Ok(serde_json::from_value(checked.value["network"].clone()).expect("what its schema admits is a network"))
}

#[cfg(test)]
mod tests {
    use super::super::render;
    use super::*;
    use crate::recipe::{Convnext, ConvnextSize};

    #[test]
    fn a_network_is_a_name_or_a_table() {
        assert_eq!(network("linear").unwrap().name(), "linear");
        let pico = Convnext { size: ConvnextSize::Pico, ..Convnext::default() };
        assert_eq!(network("{ convnext = { size = \"pico\" } }").unwrap(), Network::Convnext(pico));
    }

    #[test]
    fn mistakes_are_told_as_in_an_experiment() {
        let told = |text| render(&network(text).unwrap_err(), false);
        assert!(told("vgg61").contains("`vgg16`"), "{}", told("vgg61"));
        let wide = told("{ convnext = { size = \"huge\", drop_path = 2 } }");
        assert!(wide.contains("`size` cannot be `huge`") && wide.contains("`drop_path` must be"), "{wide}");
    }
}
