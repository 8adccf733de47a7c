//! Weights and running statistics as names, shapes and first values.

/// How a parameter starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initial {
    Constant(f64),
    /// Uniform in ± the bound.
    Uniform(f64),
    /// Around 0.
    Normal {
        sd: f64,
    },
    /// Of a convolution that hands its first inputs on as they are; uniform in ± the bound beyond them.
    Identity {
        bound: f64,
    },
    /// Of a convolution that whitens the patches of the images that are learnt from; uniform in ± the bound until those
    /// are known.
    Whitening {
        bound: f64,
    },
}

/// What is known of a parameter without its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    pub name: String,
    pub shape: Vec<i64>,
    pub initial: Initial,
    /// Whether weight decay acts on it: weights of convolutions and dense layers, not norms, biases and positions.
    pub decays: bool,
}

impl Parameter {
    pub fn count(&self) -> i64 {
        self.shape.iter().product()
    }

    /// Whether its first values come from the images that are learnt from.
    pub fn is_fitted(&self) -> bool {
        matches!(self.initial, Initial::Whitening { .. })
    }

    /// Whether it is the layer's, or of a layer below that one.
    pub fn is_below(&self, layer: &str) -> bool {
        let rest = self.name.strip_prefix(layer);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// Values that a network keeps but does not train: BatchNorm's running statistics, `[channels]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Buffer {
    pub name: String,
    pub channels: i64,
    pub initial: f64,
}

/// How the weights of a layer start, by its number of inputs or outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// PyTorch's default: uniform in ±1/√fan_in, weights and biases alike.
    FanIn,
    /// N(0, 2/fan_out) (He et al. 2015), biases 0.
    FanOut,
    /// N(0, sd²), biases 0.
    Sd(f64),
    /// The first inputs handed on as they are, the other weights by PyTorch's default; biases 0.
    Identity,
    /// What whitens the patches of the training images; biases 0.
    Whitening,
}

impl Rule {
    /// First values of the weights and of the biases.
    pub fn initial(self, fan_in: i64, fan_out: i64) -> (Initial, Initial) {
        let bound = 1.0 / (fan_in as f64).sqrt();
        match self {
            Rule::FanIn => (Initial::Uniform(bound), Initial::Uniform(bound)),
            Rule::FanOut => (Initial::Normal { sd: (2.0 / fan_out as f64).sqrt() }, Initial::Constant(0.0)),
            Rule::Sd(sd) => (Initial::Normal { sd }, Initial::Constant(0.0)),
            Rule::Identity => (Initial::Identity { bound }, Initial::Constant(0.0)),
            Rule::Whitening => (Initial::Whitening { bound }, Initial::Constant(0.0)),
        }
    }
}

/// How convolutions and dense layers start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Start {
    pub conv: Rule,
    pub dense: Rule,
}

impl Start {
    /// PyTorch's default.
    pub const DEFAULT: Start = Start { conv: Rule::FanIn, dense: Rule::FanIn };
    /// torchvision's VGG.
    pub const VGG: Start = Start { conv: Rule::FanOut, dense: Rule::Sd(0.01) };
    /// torchvision's ResNet: for convolutions with BatchNorm.
    pub const RESNET: Start = Start { conv: Rule::FanOut, dense: Rule::FanIn };
    /// timm's ConvNeXt. Its normal distribution is cut off at 100 standard deviations: not at all.
    pub const CONVNEXT: Start = Start { conv: Rule::Sd(0.02), dense: Rule::Sd(0.02) };
    /// timm's vision transformers: the convolution that embeds patches is left at PyTorch's default.
    pub const TRANSFORMER: Start = Start { conv: Rule::FanIn, dense: Rule::Sd(0.02) };
}
