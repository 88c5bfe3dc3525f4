//! How much one text may ask for. Aliases let a few bytes of YAML stand for gigabytes, so what counts is the
//! tree that comes out, not the text that goes in.

/// Largest text. 16 MiB holds tens of thousands of resources; people's files have a few kilobytes.
pub const BYTES_MAX: usize = 16 << 20;

/// Most values in all documents of one text. 10,000 applications with ten API entries each stay below.
pub const NODES_MAX: usize = 1_000_000;

/// Deepest nesting. The deepest resource has nine levels.
pub const DEPTH_MAX: usize = 64;

/// Most aliases (`*name`) in one text. People use a handful.
pub const ALIASES_MAX: usize = 1_000;

/// What is used up so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    pub(super) nodes: usize,
    pub(super) bytes: usize,
    pub(super) aliases: usize,
}

impl Spent {
    /// Counts one value with so much text.
    pub(super) fn value(&mut self, bytes: usize) -> Result<(), String> {
        self.more(Self { nodes: 1, bytes, aliases: 0 })
    }

    /// Counts a copy of values counted before.
    pub(super) fn more(&mut self, what: Self) -> Result<(), String> {
        self.nodes = self.nodes.saturating_add(what.nodes);
        self.bytes = self.bytes.saturating_add(what.bytes);
        self.aliases = self.aliases.saturating_add(what.aliases);
        if self.nodes > NODES_MAX {
            return Err(format!("the text holds more than {NODES_MAX} values, aliases written out"));
        }
        if self.bytes > BYTES_MAX {
            return Err(format!("the text holds more than {BYTES_MAX} bytes, aliases written out"));
        }
        if self.aliases > ALIASES_MAX {
            return Err(format!("the text holds more than {ALIASES_MAX} aliases"));
        }
        Ok(())
    }

    /// What was used since `earlier`.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self { nodes: self.nodes - earlier.nodes, bytes: self.bytes - earlier.bytes, aliases: 0 }
    }
}
