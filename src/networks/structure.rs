//! From settings to a network as data.

use anyhow::{Result, bail, ensure};

use super::figures::Figures;
use super::layer::Layer;
use super::parameter::{Buffer, Parameter};
use super::stack::Stack;
use super::{
    airbench, alexnet, cnn, convnet, convnext, linear, mlp, resnet18, resnet50, swin, ultralight,
    ultralight_modern, vgg, vit,
};
use crate::recipe::Network;

/// A network without its values. Layers name their parameters and buffers by place.
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    pub layers: Vec<Layer>,
    pub parameters: Vec<Parameter>,
    pub buffers: Vec<Buffer>,
    pub figures: Figures,
}

impl Structure {
    /// For `classes` classes and square images of `image_size` pixels. The last layer is the dense one that makes
    /// the logits.
    ///
    /// # Errors
    /// The settings do not go with images of this size.
    pub fn new(network: &Network, classes: usize, image_size: u32) -> Result<Structure> {
        if let Some(complaint) = network.complaints(Some(image_size)).into_iter().next() {
            let hint = complaint.hint.map_or(String::new(), |hint| format!("\nhint: {hint}"));
            bail!("{}{hint}", complaint.message);
        }
        ensure!(classes > 0, "a network tells one class or more apart, not 0");
        let Stack { layers, parameters, buffers, figures, .. } =
            build(network, classes as i64, i64::from(image_size));
        Ok(Structure { layers, parameters, buffers, figures })
    }

    /// Places of the last layer's parameters, its weights and its biases.
    pub fn head(&self) -> Vec<usize> {
        match self.layers.last() {
            Some(Layer::Dense { weight, bias }) => std::iter::once(*weight).chain(*bias).collect(),
            _ => unreachable!("the last layer of a network is dense"),
        }
    }

    /// Names of layers, as `freeze` takes them: each parameter's, and whatever is above it.
    pub fn layer_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for parameter in &self.parameters {
            let name = parameter.name.as_str();
            let ends = name.match_indices('.').map(|(end, _)| end).chain([name.len()]);
            names.extend(ends.map(|end| &name[..end]));
        }
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(*name));
        names
    }
}

fn build(network: &Network, classes: i64, side: i64) -> Stack {
    match network {
        Network::Vgg11(settings) => vgg::vgg11(settings, classes, side),
        Network::Vgg16(settings) => vgg::vgg16(settings, classes, side),
        Network::Vgg16Bn(settings) => vgg::vgg16_bn(settings, classes, side),
        Network::Alexnet(settings) => alexnet::build(settings, classes, side),
        Network::Resnet18(settings) => resnet18::build(settings, classes, side),
        Network::Resnet50(settings) => resnet50::build(settings, classes, side),
        Network::Convnext(settings) => convnext::build(settings, classes, side),
        Network::VitTiny(settings) => vit::build(settings, classes, side),
        Network::Swin(settings) => swin::build(settings, classes, side),
        Network::Cnn(_) => cnn::build(classes, side),
        Network::Ultralight(_) => ultralight::build(classes, side),
        Network::UltralightModern(_) => ultralight_modern::build(classes, side),
        Network::Airbench(_) => airbench::build(classes, side),
        Network::Convnet(settings) => convnet::build(settings, classes, side),
        Network::Mlp(settings) => mlp::build(settings, classes, side),
        Network::Linear(_) => linear::build(classes, side),
    }
}
