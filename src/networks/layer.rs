//! The layers that networks are made of. Knows no network by name.

/// One step of a network; numbers named after parameters are places in the network's lists.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    Conv {
        weight: usize,
        bias: Option<usize>,
        stride: i64,
        padding: i64,
        groups: i64,
    },
    /// On every position: channels of `[n, c, h, w]`, the last dimension of anything else.
    Dense {
        weight: usize,
        bias: Option<usize>,
    },
    BatchNorm {
        weight: usize,
        bias: usize,
        mean: usize,
        variance: usize,
    },
    /// Over the pixels of groups of channels; as many groups as channels is InstanceNorm.
    GroupNorm {
        weight: usize,
        bias: usize,
        groups: i64,
    },
    /// On every position, as [`Layer::Dense`].
    LayerNorm {
        weight: usize,
        bias: usize,
        /// Added to the variance.
        eps: f64,
    },
    /// In place: nothing before it may need what it overwrites, so it opens no branch of a residual block.
    Relu,
    /// x · Φ(x), exact.
    Gelu,
    /// x times the factor.
    Scale(f64),
    MaxPool {
        size: i64,
        stride: i64,
        padding: i64,
    },
    AvgPool(i64),
    /// Averages over windows so placed that this many values a side come out, whatever goes in.
    AdaptiveAvgPool(i64),
    Dropout(f64),
    Flatten,
    /// main(x) · scale + shortcut(x); an empty shortcut is x itself.
    Residual {
        main: Vec<Layer>,
        shortcut: Vec<Layer>,
        /// Of each channel (Touvron et al. 2021).
        scale: Option<usize>,
        /// Share of images whose main branch is left out in training (Huang et al. 2016).
        drop: f64,
    },
    /// `[n, c, h, w]` to `[n, 1 + h·w, c]`: a learnt token ahead of the pixels, and learnt positions added.
    Tokens {
        class: usize,
        positions: usize,
    },
    /// `[n, tokens, c]` to `[n, c]`.
    FirstToken,
    /// Queries, keys and values `[n, tokens, 3c]` to what they attend to, `[n, tokens, c]`.
    Attention {
        heads: i64,
    },
    /// `[n, c, h, w]` to the pixels of each window, `[n · windows, window², c]` (Liu et al. 2021).
    SplitWindows(Windows),
    /// Queries, keys and values of windows, `[n · windows, window², 3c]`, to what they attend to, `[n · windows, window², c]`.
    WindowAttention {
        heads: i64,
        windows: Windows,
        /// A learnt term for each relative position, `[(2 window - 1)², heads]`.
        positions: usize,
    },
    /// The inverse of `SplitWindows`.
    JoinWindows(Windows),
    /// The four pixels of each 2×2 block as one: `[n, c, h, w]` to `[n, 4c, h/2, w/2]`, columns slowest.
    MergePatches,
}

/// How a map of `side` × `side` pixels is cut into windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Pixels a side of the map, a multiple of `window`.
    pub side: i64,
    /// Pixels a side of a window.
    pub window: i64,
    /// Pixels by which the windows are shifted, 0 for none.
    pub shift: i64,
}
