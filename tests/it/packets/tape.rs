//! Bytes that a cluster is read from, one section for each object, and how they shrink.
//!
//! A section that is empty is an object that is not there; a byte that is 0, or behind the end, is the simplest choice. So
//! a case shrinks by losing objects, then the ends of sections, then by bytes that become 0 or smaller.

use proptest::prelude::Rng;
use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// How many bytes a section has at first.
const LENGTH: usize = 40;

/// Sections of random bytes; each is there with its own chance out of 256.
#[derive(Debug, Clone)]
pub(super) struct Sections(pub(super) Vec<u8>);

/// What is tried next while a case shrinks.
#[derive(Debug, Clone, Copy)]
enum Step {
    Section(usize),
    Half(usize),
    Zero(usize, usize),
    Less(usize, usize),
    End,
}

/// A case that shrinks.
pub(super) struct Shrinking {
    now: Vec<Vec<u8>>,
    before: Option<Vec<Vec<u8>>>,
    step: Step,
    smaller: bool,
}

// === impl Sections ===

impl Strategy for Sections {
    type Tree = Shrinking;
    type Value = Vec<Vec<u8>>;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let rng = runner.rng();
        let mut chances = vec![0; self.0.len()];
        rng.fill_bytes(&mut chances);
        let there = self.0.iter().zip(chances).map(|(chance, drawn)| drawn < *chance);
        let now = there
            .map(|there| {
                let mut bytes = vec![0; if there { LENGTH } else { 0 }];
                rng.fill_bytes(&mut bytes);
                bytes
            })
            .collect();
        Ok(Shrinking {
            now,
            before: None,
            step: Step::Section(0),
            smaller: false,
        })
    }
}

// === impl Shrinking ===

impl Shrinking {
    /// The step behind this one.
    fn next(&self, step: Step) -> Step {
        let length = |section: usize| self.now.get(section).map_or(0, Vec::len);
        match step {
            Step::Section(section) if section + 1 < self.now.len() => Step::Section(section + 1),
            Step::Section(_) => Step::Half(0),
            Step::Half(section) if section + 1 < self.now.len() => Step::Half(section + 1),
            Step::Half(_) => Step::Zero(0, 0),
            Step::Zero(section, at) if at + 1 < length(section) => Step::Zero(section, at + 1),
            Step::Zero(section, _) if section + 1 < self.now.len() => Step::Zero(section + 1, 0),
            Step::Zero(..) => Step::Less(0, 0),
            Step::Less(section, at) if at + 1 < length(section) => Step::Less(section, at + 1),
            Step::Less(section, _) if section + 1 < self.now.len() => Step::Less(section + 1, 0),
            // As long as anything got smaller, once more from the front.
            Step::Less(..) if self.smaller => Step::Section(0),
            Step::Less(..) | Step::End => Step::End,
        }
    }

    fn tried(&self, step: Step) -> Option<Vec<Vec<u8>>> {
        let mut tried = self.now.clone();
        match step {
            Step::Section(section) => tried.get_mut(section)?.clear(),
            Step::Half(section) => {
                let bytes = tried.get_mut(section)?;
                bytes.truncate(bytes.len().div_ceil(2));
            }
            Step::Zero(section, at) => *tried.get_mut(section)?.get_mut(at)? = 0,
            Step::Less(section, at) => {
                let byte = tried.get_mut(section)?.get_mut(at)?;
                *byte = byte.saturating_sub(1 + *byte / 8);
            }
            Step::End => {}
        }
        (tried != self.now).then_some(tried)
    }
}

impl ValueTree for Shrinking {
    type Value = Vec<Vec<u8>>;

    fn current(&self) -> Self::Value {
        self.now.clone()
    }

    fn simplify(&mut self) -> bool {
        // What was tried before still fails: it is kept.
        self.smaller |= self.before.take().is_some();
        loop {
            let step = self.step;
            if matches!(step, Step::End) {
                return false;
            }
            let tried = self.tried(step);
            // A byte that could be made smaller is tried again.
            if tried.is_none() || !matches!(step, Step::Less(..) | Step::Half(_)) {
                self.step = self.next(step);
                if matches!((step, self.step), (Step::Less(..), Step::Section(_))) {
                    self.smaller = false;
                }
            }
            if let Some(tried) = tried {
                self.before = Some(std::mem::replace(&mut self.now, tried));
                return true;
            }
        }
    }

    fn complicate(&mut self) -> bool {
        let Some(before) = self.before.take() else {
            return false;
        };
        self.now = before;
        // What was refused is not tried again from here.
        if matches!(self.step, Step::Less(..) | Step::Half(_)) {
            self.step = self.next(self.step);
        }
        self.simplify()
    }
}

/// Reads choices off a section.
pub(super) struct Tape<'a> {
    bytes: &'a [u8],
    at: usize,
}

// === impl Tape ===

impl<'a> Tape<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    /// A number below the limit; 0 is the simplest.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    /// One of these; the first is the simplest.
    pub(super) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Yes in this many of 16; no is the simplest.
    pub(super) fn chance(&mut self, of_16: usize) -> bool {
        self.below(16) >= 16 - of_16
    }
}
