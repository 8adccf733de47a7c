//! `pipeline show NETWORK`: the layers of a network, what they hold and what they cost.

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Value, json};

use super::figures;
use super::layout::{Column, Style, draw};
use crate::networks::{Figures, Row, Structure};
use crate::recipe::Network;

/// Version of the JSON; rises when a field changes its meaning.
const VERSION: u32 = 1;

/// A network for so many classes and square images of so many pixels, as text of `width` characters.
///
/// # Errors
/// The settings do not go with images of this size.
pub fn describe_network(
    network: &Network,
    classes: usize,
    image_size: u32,
    width: usize,
    color: bool,
) -> Result<String> {
    let (style, found) = (Style { color }, Structure::new(network, classes, image_size)?.figures);
    let title = style.bold(&format!("network {}", network.name()));
    let images = format!("{}, images of {image_size} × {image_size} pixels", classes_of(classes));
    let table = draw(&columns(&found.rows), width, &style);
    Ok(format!("{title}\n{images}\n\n{table}\n\n{}", totals(&found)))
}

/// The same as JSON: `{"version": 1, "network", "classes", "image_size", "layers", "parameters", "multiply_adds",
/// "weight_bytes", "activation_bytes"}`, with the layers' `name`, `what`, `shape`, `parameters` and `multiply_adds`.
///
/// # Errors
/// The settings do not go with images of this size.
pub fn describe_network_as_json(network: &Network, classes: usize, image_size: u32) -> Result<Value> {
    let found = Structure::new(network, classes, image_size)?.figures;
    let layer = |row: &Row| {
        json!({
            "name": row.name, "what": row.what, "shape": row.shape.dimensions(), "parameters": row.parameters,
            "multiply_adds": row.multiply_adds,
        })
    };
    Ok(json!({
        "version": VERSION,
        "network": network,
        "classes": classes,
        "image_size": image_size,
        "layers": found.rows.iter().map(layer).collect::<Vec<_>>(),
        "parameters": found.parameters(),
        "multiply_adds": found.multiply_adds(),
        "weight_bytes": found.weight_bytes(),
        "activation_bytes": found.activation_bytes(),
    }))
}

fn classes_of(count: usize) -> String {
    if count == 1 { "1 class".into() } else { format!("{count} classes") }
}

fn columns(rows: &[Row]) -> [Column; 5] {
    let words = |get: fn(&Row) -> String| rows.iter().map(get).collect::<Vec<_>>();
    let counted = |count: i64| if count == 0 { String::new() } else { figures::count(count as u64) };
    let numbers = |get: fn(&Row) -> i64| rows.iter().map(|row| counted(get(row))).collect::<Vec<_>>();
    [
        Column::words("layer", words(|row| row.name.clone())),
        Column::words("what", words(|row| row.what.clone())),
        Column::words("output", words(|row| row.shape.to_string())),
        Column::numbers("parameters", numbers(|row| row.parameters), 0),
        Column::numbers("multiply-adds", numbers(|row| row.multiply_adds), 0),
    ]
}

fn totals(found: &Figures) -> String {
    let line = |name: &str, short: String, meaning: String| format!("{name:13}  {short:7}  {meaning}\n");
    let count = |count: i64| figures::count(count as u64);
    let bytes = |bytes: i64| figures::bytes(bytes as u64);
    line("parameters", count(found.parameters()), format!("{} trained values", found.parameters()))
        + &line(
            "multiply-adds",
            count(found.multiply_adds()),
            "of one image, forward; training takes three times as many".into(),
        )
        + &line("weights", bytes(found.weight_bytes()), "in fp32".into())
        + &line(
            "activations",
            bytes(found.activation_bytes()),
            "in fp32, that training keeps of one image".into(),
        )
}

/// What a trained network costs. `None` where `network.json` does not say what it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// Of one image, forward.
    pub multiply_adds: Option<u64>,
    /// Of the trained values in fp32.
    pub weight_bytes: Option<u64>,
    /// Of what training keeps of one image, in fp32.
    pub activation_bytes: Option<u64>,
}

/// What `network.json` says that costs follow from.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Described {
    /// With its settings, as `recipe::Network` is written.
    network: Option<Value>,
    classes: Vec<String>,
    /// Height and width in pixels.
    image_size: Option<u32>,
}

impl Described {
    pub fn costs(&self) -> Costs {
        let figures = self.figures();
        let cost = |get: fn(&Figures) -> i64| figures.as_ref().map(|figures| get(figures) as u64);
        Costs {
            multiply_adds: cost(Figures::multiply_adds),
            weight_bytes: cost(Figures::weight_bytes),
            activation_bytes: cost(Figures::activation_bytes),
        }
    }

    fn figures(&self) -> Option<Figures> {
        // A network of a later version may have settings that this one does not know.
        let network = serde_json::from_value(self.network.clone()?).ok()?;
        Some(Structure::new(&network, self.classes.len(), self.image_size?).ok()?.figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Cnn, Ultralight};

    #[test]
    fn a_network_is_shown_layer_by_layer_with_its_totals() {
        let network = Network::Cnn(Cnn {});
        insta::assert_snapshot!(describe_network(&network, 10, 64, 100, false).unwrap());
    }

    #[test]
    fn json_holds_the_same_in_full() {
        let json = describe_network_as_json(&Network::Ultralight(Ultralight {}), 10, 100).unwrap();
        assert_eq!((&json["parameters"], &json["weight_bytes"]), (&json!(229_168), &json!(4 * 229_168)));
        let first = json!({
            "name": "conv1", "what": "conv 3×3", "shape": [16, 100, 100], "parameters": 448, "multiply_adds": 4_320_000,
        });
        assert_eq!(json["layers"][0], first);
        assert_eq!(json["network"], json!({ "ultralight": {} }));
    }

    #[test]
    fn costs_follow_from_what_a_network_says_of_itself() {
        let facts = json!({ "network": { "ultralight": {} }, "classes": ["a", "b"], "image_size": 12 });
        let costs = serde_json::from_value::<Described>(facts).unwrap().costs();
        let json = describe_network_as_json(&Network::Ultralight(Ultralight {}), 2, 12).unwrap();
        assert_eq!(costs.multiply_adds, json["multiply_adds"].as_u64());
        assert_eq!(costs.activation_bytes, json["activation_bytes"].as_u64());
        let unknown = json!({ "network": { "of-tomorrow": {} }, "classes": ["a"], "image_size": 12 });
        assert_eq!(serde_json::from_value::<Described>(unknown).unwrap().costs(), Costs::default());
    }
}
