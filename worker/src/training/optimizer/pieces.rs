//! Cuts the flat buffer into the runs that an update takes one after the other.

use tch::Tensor;

use crate::models::Parameters;

/// Values updated at a time on the CPU: what an update touches stays in the cache from the first operation to the
/// last, instead of streaming from memory once for each.
const PIECE: i64 = 32 * 1024;

/// Learning rates of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    pub body: f64,
    /// Of the last layer.
    pub head: f64,
}

impl Rates {
    /// One for all.
    pub fn same(lr: f64) -> Rates {
        Rates { body: lr, head: lr }
    }
}

/// A run of values that are updated alike, and their gradients.
pub struct Piece {
    pub gradient: Tensor,
    /// The parameter that it is of; of several, the first.
    pub place: usize,
    /// Where it begins in the flat buffer.
    pub start: i64,
    pub decays: bool,
    pub lr: f64,
}

/// A parameter that is trained, with its gradient.
#[derive(Clone, Copy)]
struct Part<'a> {
    gradient: &'a Tensor,
    place: usize,
    start: i64,
    decays: bool,
    lr: f64,
}

impl Part<'_> {
    fn end(&self) -> i64 {
        self.start + self.gradient.numel() as i64
    }

    /// Whether `next` lies right behind it and is updated alike.
    fn goes_on_in(&self, next: &Part) -> bool {
        self.end() == next.start && (self.decays, self.lr) == (next.decays, next.lr)
    }
}

/// On the CPU short runs, each parameter's own; on a GPU, where starting an operation is what costs, as few as can be.
pub fn pieces(parameters: &Parameters, gradients: &[Tensor], head: &[usize], rates: Rates) -> Vec<Piece> {
    cut(PIECE, parameters, &parts(parameters, gradients, head, rates))
}

/// Each parameter that is trained by itself, for rules that read and write every value once; on a GPU as [`pieces`].
pub fn uncut(parameters: &Parameters, gradients: &[Tensor], head: &[usize], rates: Rates) -> Vec<Piece> {
    cut(i64::MAX, parameters, &parts(parameters, gradients, head, rates))
}

fn cut(longest: i64, parameters: &Parameters, parts: &[Part]) -> Vec<Piece> {
    let on_gpu = parameters.flat().device().is_cuda();
    if on_gpu { joined(parameters, parts.to_vec()) } else { short(longest, parameters, parts) }
}

/// Each parameter that is trained as a whole, for rules that go by its norm or its rows.
pub fn whole(parameters: &Parameters, gradients: &[Tensor], head: &[usize], rates: Rates) -> Vec<Piece> {
    let parts = parts(parameters, gradients, head, rates);
    parts.into_iter().flat_map(|part| joined(parameters, vec![part])).collect()
}

fn parts<'a>(
    parameters: &Parameters,
    gradients: &'a [Tensor],
    head: &[usize],
    rates: Rates,
) -> Vec<Part<'a>> {
    let part = |(gradient, place): (_, &usize)| Part {
        gradient,
        place: *place,
        start: parameters.start(*place),
        decays: parameters.start(*place) < parameters.decaying(),
        lr: if head.contains(place) { rates.head } else { rates.body },
    };
    gradients.iter().zip(parameters.trained()).map(part).collect()
}

fn short(longest: i64, parameters: &Parameters, parts: &[Part]) -> Vec<Piece> {
    let cut = |part: &Part| {
        let flat = parameters.layout().flatten(part.gradient);
        let (length, Part { place, start, decays, lr, .. }) = (flat.size()[0], *part);
        (0..length).step_by(longest as usize).map(move |at| Piece {
            gradient: flat.narrow(0, at, longest.min(length - at)),
            place,
            start: start + at,
            decays,
            lr,
        })
    };
    parts.iter().flat_map(cut).collect()
}

fn joined(parameters: &Parameters, mut parts: Vec<Part>) -> Vec<Piece> {
    parts.sort_by_key(|part| part.start);
    let join = |run: &[Part]| {
        let flat: Vec<Tensor> = run.iter().map(|part| parameters.layout().flatten(part.gradient)).collect();
        let Part { place, start, decays, lr, .. } = run[0];
        Piece { gradient: Tensor::cat(&flat, 0), place, start, decays, lr }
    };
    parts.chunk_by(Part::goes_on_in).map(join).collect()
}

#[cfg(test)]
mod tests {
    use pipeline::networks::{Initial, Parameter};
    use tch::{Device, Kind};

    use super::*;
    use crate::models::Layout;

    /// Two weights of convolutions, a bias and a last layer, of which the second is frozen if told so.
    fn parameters(frozen: bool) -> (Parameters, Vec<Tensor>) {
        let one = |name: &str, shape: &[i64], decays| Parameter {
            name: name.to_string(),
            shape: shape.to_vec(),
            initial: Initial::Constant(0.0),
            decays,
        };
        let list = [
            one("a", &[4, 3, 2, 2], true),
            one("bias", &[4], false),
            one("b", &[4, 4, 1, 1], true),
            one("head", &[40, 1000], true),
        ];
        let mut parameters = Parameters::zeros(&list, Layout::ChannelsLast, Device::Cpu);
        parameters.freeze(&[false, false, frozen, false]);
        let gradient = |place: &usize| {
            let shape = &list[*place].shape;
            let count = shape.iter().product::<i64>();
            Tensor::arange(count, (Kind::Float, Device::Cpu)).view(&shape[..]) + *place as f64 * 0.1
        };
        let gradients = parameters.trained().iter().map(gradient).collect();
        (parameters, gradients)
    }

    /// By place in the flat buffer, the gradient, the learning rate and whether it decays.
    fn laid_out(pieces: &[Piece], count: i64) -> Tensor {
        let out = Tensor::full([3, count], -1.0, (Kind::Float, Device::Cpu));
        for piece in pieces {
            let run = out.narrow(1, piece.start, piece.gradient.size()[0]);
            run.get(0).copy_(&piece.gradient);
            let _ = run.get(1).fill_(piece.lr);
            let _ = run.get(2).fill_(f64::from(u8::from(piece.decays)));
        }
        out
    }

    #[test]
    fn a_gpu_updates_in_few_pieces_what_a_processor_updates_in_many() {
        let rates = Rates { body: 0.1, head: 0.5 };
        for (frozen, rates, expected) in [
            (false, Rates { head: 0.1, ..rates }, 2),
            (false, rates, 3),
            (true, rates, 3),
            (true, Rates { head: 0.1, ..rates }, 3),
        ] {
            let (parameters, gradients) = parameters(frozen);
            let many = pieces(&parameters, &gradients, &[3], rates);
            let few = joined(&parameters, parts(&parameters, &gradients, &[3], rates));
            let count = parameters.flat().size()[0];
            assert_eq!(laid_out(&few, count), laid_out(&many, count));
            assert_eq!(few.len(), expected);
            let left = laid_out(&few, count).get(1).eq(-1.0).sum(Kind::Int64).int64_value(&[]);
            assert_eq!(left, if frozen { 16 } else { 0 });
        }
    }
}
