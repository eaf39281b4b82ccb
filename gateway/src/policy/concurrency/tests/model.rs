//! Any order of events, compared with a model that is obviously right: a sorted list.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};

use super::*;

#[derive(Debug, Clone)]
enum Event {
    Enter(Priority),
    /// One of those in flight, by position.
    Leave(usize),
    /// One of those who wait, by position.
    GiveUp(usize),
    Configure {
        limit: u32,
        queue: usize,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let priority = prop_oneof![Just(Low), Just(Normal), Just(High), Just(Critical)];
    prop_oneof![
        8 => priority.prop_map(Event::Enter),
        5 => any::<usize>().prop_map(Event::Leave),
        2 => any::<usize>().prop_map(Event::GiveUp),
        1 => (1u32..5, 0usize..5).prop_map(|(limit, queue)| Event::Configure { limit, queue }),
    ]
}

/// Requests by their numbers.
#[derive(Debug, Default, PartialEq)]
struct State {
    flying: Vec<usize>,
    /// In the order of their turns.
    waiting: Vec<usize>,
    refused: Vec<usize>,
}

#[derive(Debug)]
struct Model {
    state: State,
    limit: usize,
    queue: usize,
    priorities: BTreeMap<usize, Priority>,
}

impl Model {
    fn enter(&mut self, number: usize, priority: Priority) {
        self.priorities.insert(number, priority);
        let State { flying, waiting, refused } = &mut self.state;
        if waiting.is_empty() && flying.len() < self.limit {
            return flying.push(number);
        }
        if waiting.len() >= self.queue {
            let worst = waiting.last().copied().filter(|worst| self.priorities[worst] < priority);
            let Some(worst) = worst else { return refused.push(number) };
            refused.push(worst);
            waiting.pop();
        }
        waiting.push(number);
        waiting.sort_by_key(|number| (std::cmp::Reverse(self.priorities[number]), *number));
    }

    fn settle(&mut self) {
        let State { flying, waiting, .. } = &mut self.state;
        while flying.len() < self.limit && !waiting.is_empty() {
            flying.push(waiting.remove(0));
        }
    }
}

#[derive(Default)]
struct Real {
    flying: BTreeMap<usize, Permit>,
    waiting: BTreeMap<usize, Waiting>,
    refused: Vec<usize>,
}

impl Real {
    fn enter(&mut self, limiter: &Arc<Limiter>, number: usize, priority: Priority) {
        match limiter.enter(priority) {
            Ok(Entry::Admitted(permit)) => drop(self.flying.insert(number, permit)),
            Ok(Entry::Waiting(waiting)) => drop(self.waiting.insert(number, waiting)),
            Err(Full) => self.refused.push(number),
        }
    }

    /// Whoever has heard something.
    fn settle(&mut self) {
        let mut resolved = Vec::new();
        for (number, waiting) in &mut self.waiting {
            resolved.extend(verdict(waiting).map(|verdict| (*number, verdict)));
        }
        for (number, verdict) in resolved {
            self.waiting.remove(&number);
            match verdict {
                Ok(permit) => drop(self.flying.insert(number, permit)),
                Err(Displaced) => self.refused.push(number),
            }
        }
    }
}

fn nth(numbers: &[usize], at: usize) -> Option<usize> {
    (!numbers.is_empty()).then(|| numbers[at % numbers.len()])
}

fn sorted(numbers: &[usize]) -> Vec<usize> {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers
}

proptest! {
    #[test]
    fn every_order_of_events_ends_as_in_the_model(events in vec(event(), 1..120)) {
        let limiter = limiter(2, 3);
        let mut real = Real::default();
        let mut model =
            Model { state: State::default(), limit: 2, queue: 3, priorities: BTreeMap::new() };
        for (number, event) in events.into_iter().enumerate() {
            match event {
                Event::Enter(priority) => {
                    model.enter(number, priority);
                    real.enter(&limiter, number, priority);
                }
                Event::Leave(at) => if let Some(leaving) = nth(&model.state.flying, at) {
                    model.state.flying.retain(|number| *number != leaving);
                    real.flying.remove(&leaving);
                },
                Event::GiveUp(at) => if let Some(leaving) = nth(&model.state.waiting, at) {
                    model.state.waiting.retain(|number| *number != leaving);
                    real.waiting.remove(&leaving);
                },
                Event::Configure { limit, queue } => {
                    (model.limit, model.queue) = (limit as usize, queue);
                    limiter.configure(fixed(limit, queue), Instant::now());
                }
            }
            model.settle();
            real.settle();
            let flying: Vec<usize> = real.flying.keys().copied().collect();
            let waiting: Vec<usize> = real.waiting.keys().copied().collect();
            prop_assert_eq!(&flying, &sorted(&model.state.flying));
            prop_assert_eq!(&waiting, &sorted(&model.state.waiting));
            prop_assert_eq!(sorted(&real.refused), sorted(&model.state.refused));
            let counted = (limiter.in_flight() as usize, limiter.waiting() as usize);
            prop_assert_eq!(counted, (flying.len(), waiting.len()));
        }
    }
}
