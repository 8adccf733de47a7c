//! Networks of staggered age, each trained on the synthetic images as they are when it is its turn.

use pipeline::recipe::{self, Adam};
use tch::{Device, Kind, Tensor, no_grad};

use super::checkpoint::Tensors;
use super::draws::{self, Use};
use crate::models::{Network, Parameters};
use crate::training::optimizer::{Optimizer, Rates};

/// The networks and what their optimisers remember.
pub struct Pool {
    members: Vec<Member>,
    /// Steps after which a network is replaced.
    oldest: i64,
    lr: f64,
    seed: u64,
}

struct Member {
    parameters: Parameters,
    optimizer: Optimizer,
    /// `[2]` i64: steps so far, and how many networks were here before.
    counts: Tensor,
}

impl Member {
    fn count(&self, which: i64) -> i64 {
        self.counts.int64_value(&[which])
    }
}

impl Pool {
    /// `count` new networks, of which earlier ones are replaced sooner.
    pub fn new(network: &Network, count: u32, oldest: u32, lr: f64, seed: u64, device: Device) -> Pool {
        let rule = recipe::Optimizer::Adam(Adam { lr, ..Adam::default() });
        let member = |place: u64| {
            let (parameters, _) = network.initial(draws::seed(seed, Use::Network, &[place, 0]), device);
            let optimizer = Optimizer::new(&rule, &parameters, Vec::new());
            Member { parameters, optimizer, counts: Tensor::zeros([2], (Kind::Int64, Device::Cpu)) }
        };
        Pool { members: (0..count.into()).map(member).collect(), oldest: oldest.into(), lr, seed }
    }

    /// The weights of the network at `place`.
    pub fn weights(&self, place: usize) -> &[Tensor] {
        self.members[place].parameters.tensors()
    }

    /// A step of the network at `place` down the gradients of its weights; past its time a new one takes its place.
    pub fn step(&mut self, place: usize, gradients: &[Tensor], network: &Network) {
        let last = self.last_step(place);
        let member = &mut self.members[place];
        let age = member.count(0);
        member.optimizer.update(&member.parameters, gradients, Rates::same(self.lr), age as u64);
        let (age, before) =
            if age + 1 < last { (age + 1, member.count(1)) } else { (0, member.count(1) + 1) };
        if age == 0 {
            let seed = draws::seed(self.seed, Use::Network, &[place as u64, before as u64]);
            let (fresh, _) = network.initial(seed, member.parameters.flat().device());
            no_grad(|| member.parameters.flat().shallow_clone().copy_(fresh.flat()));
            member.optimizer.state().iter().for_each(|state| drop(state.shallow_clone().zero_()));
        }
        member.counts.copy_(&Tensor::from_slice(&[age, before]));
    }

    /// Steps that the network at `place` takes in all.
    fn last_step(&self, place: usize) -> i64 {
        match self.members[place].count(1) {
            0 => (self.oldest * (place as i64 + 1) / self.members.len() as i64).max(1),
            _ => self.oldest,
        }
    }

    /// Everything that steps change.
    pub fn tensors(&self) -> Tensors {
        let of_member = |(place, member): (usize, &Member)| {
            let name = move |what: &str| format!("pool.{place}.{what}");
            let state = member.optimizer.state().iter().enumerate();
            let state = state.map(move |(i, flat)| (name(&format!("optimizer.{i}")), flat.shallow_clone()));
            let own = [
                (name("weights"), member.parameters.flat().shallow_clone()),
                (name("counts"), member.counts.shallow_clone()),
            ];
            own.into_iter().chain(state).collect::<Tensors>()
        };
        self.members.iter().enumerate().flat_map(of_member).collect()
    }
}

#[cfg(test)]
mod tests {
    use pipeline::recipe::Linear;

    use super::*;

    #[test]
    fn networks_grow_old_at_different_times_and_are_replaced_by_new_ones() {
        let network = Network::new(&recipe::Network::Linear(Linear {}), 2, 2).unwrap();
        let mut pool = Pool::new(&network, 2, 4, 0.1, 1, Device::Cpu);
        let first = [0, 1].map(|place| pool.members[place].parameters.flat().copy());
        assert_ne!(first[0], first[1]);
        let mut ages = Vec::new();
        for _ in 0..4 {
            for place in [0, 1] {
                let gradients: Vec<Tensor> = pool.weights(place).iter().map(Tensor::ones_like).collect();
                pool.step(place, &gradients, &network);
            }
            ages.push([0, 1].map(|place| pool.members[place].count(0)));
        }
        // The first goes after 2 steps and then after 4, the second after 4.
        assert_eq!(ages, [[1, 1], [0, 2], [1, 3], [2, 0]]);
        assert!([0, 1].into_iter().all(|place| pool.members[place].count(1) == 1));
        let fresh = pool.members[1].parameters.flat();
        assert!(
            *fresh != first[1] && pool.members[1].optimizer.state()[0].abs().max().double_value(&[]) == 0.0
        );
    }
}
