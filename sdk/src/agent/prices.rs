//! What the tokens of a model cost.

use crate::model::Usage;

/// What a model's tokens cost, in millionths of a unit of money for a million tokens.
///
/// Three dollars for a million tokens read and fifteen for a million written is
/// `Prices::new(3_000_000, 15_000_000)`, and then a budget of `cost` is in millionths of a dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    input: u64,
    output: u64,
    cached: u64,
}

impl Prices {
    /// The prices of tokens read and of tokens written; tokens read from the provider's cache cost
    /// what other tokens read cost.
    #[must_use]
    pub const fn new(input: u64, output: u64) -> Self {
        Self {
            input,
            output,
            cached: input,
        }
    }

    /// The same with another price for tokens that are read from the provider's cache.
    #[must_use]
    pub const fn cached(mut self, price: u64) -> Self {
        self.cached = price;
        self
    }

    /// The cost of these tokens, rounded up to a millionth.
    #[must_use]
    pub fn cost(self, usage: Usage) -> u64 {
        let of = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let sum = of(usage.input, self.input)
            .saturating_add(of(usage.output, self.output))
            .saturating_add(of(usage.cached, self.cached));
        u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    /// The most that this number of tokens read can cost.
    pub(super) fn reading(self, tokens: u64) -> u64 {
        let input = tokens;
        let dearest = Self::new(self.input.max(self.cached), 0);
        dearest.cost(Usage {
            input,
            ..Usage::default()
        })
    }

    /// How many tokens can be written for this amount.
    pub(super) fn writes(self, cost: u64) -> u64 {
        let most = u128::from(cost) * 1_000_000;
        most.checked_div(u128::from(self.output))
            .map_or(u64::MAX, |tokens| u64::try_from(tokens).unwrap_or(u64::MAX))
    }
}
