//! Where secrets rest: an envelope per secret version.
