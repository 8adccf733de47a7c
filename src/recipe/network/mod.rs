//! The networks by name, and which images they can take.

mod complaints;
mod modern;
mod settings;

pub(super) use complaints::too_deep;
pub use modern::{Alexnet, Convnext, ConvnextSize, Resnet18, Resnet50, Step, Swin, VitTiny};
pub use settings::{
    Airbench, Cnn, Convnet, Head, Linear, Mlp, Norm, Ultralight, UltralightModern, Vgg11, Vgg16, Vgg16Bn,
    convnet_depth, convnet_side,
};
pub(super) use settings::{SAME_PADDING, is_same_padding};

use super::choice::choice;

choice! {
    /// A network. `pipeline show NETWORK --image-size 64` lists its layers with their sizes and costs.
    pub enum Network {
        /// VGG of 11 layers: 8 convolutions and 3 dense layers of 4096 (Simonyan & Zisserman 2015).
        "vgg11" => Vgg11 @ 1,
        /// VGG16 as published: 13 convolutions and 3 dense layers of 4096 (Simonyan & Zisserman 2015).
        "vgg16" => Vgg16 @ 1,
        /// VGG16's 13 convolutions with BatchNorm, pooled to one pixel, and one dense layer: for small images.
        "vgg16-bn" => Vgg16Bn @ 1,
        /// AlexNet for one GPU: 5 convolutions and 3 dense layers, on images of 63 pixels or more (Krizhevsky 2014).
        "alexnet" => Alexnet @ 1,
        /// ResNet of 18 layers (He et al. 2016).
        "resnet18" => Resnet18 @ 1,
        /// ResNet of 50 layers (He et al. 2016), that can be turned into a ConvNeXt step by step.
        "resnet50" => Resnet50 @ 2,
        /// ConvNeXt: depthwise 7×7 and inverted bottlenecks (Liu et al. 2022), from 3.7 to 28.6 M parameters.
        "convnext" => Convnext @ 3,
        /// A vision transformer 192 wide and 12 blocks deep (Dosovitskiy et al. 2021; Touvron et al. 2021).
        "vit-tiny" => VitTiny @ 2,
        /// A transformer with attention in shifted windows (Liu et al. 2021); 96 wide it is Swin-T.
        "swin" => Swin @ 3,
        /// A vanilla CNN of three convolutions.
        "cnn" => Cnn @ 1,
        /// An ultra-light CNN of three convolutions of 16, 32 and 64 channels.
        "ultralight" => Ultralight @ 1,
        /// An ultra-light CNN as one would build it today: ResNet-9's plan (Page 2018) on patches of two pixels a side, with as
        /// many parameters as `ultralight` has at 64 pixels, whatever the size of the image.
        "ultralight-modern" => UltralightModern @ 2,
        /// The CNN of airbench94, made to learn CIFAR-10 in little time (Jordan 2024). In a training its first convolution starts
        /// as what whitens the patches of the training images, and is best left so: `freeze = ["whiten.weight"]`.
        "airbench" => Airbench @ 1,
        /// Blocks of convolution, norm, ReLU and average pooling: the network of the distillation literature.
        "convnet" => Convnet @ 1,
        /// Dense layers on the pixels, with ReLU between.
        "mlp" => Mlp @ 1,
        /// One dense layer on the pixels: logistic regression.
        "linear" => Linear @ 1,
    }
}
