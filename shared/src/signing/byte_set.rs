//! Sets of bytes, laid out when compiled, so that a membership costs one load on the request path.

pub(super) struct ByteSet([bool; 256]);

impl ByteSet {
    /// The set of these bytes.
    #[expect(clippy::indexing_slicing, reason = "a byte is below 256; evaluated when compiled")]
    pub(super) const fn of(bytes: &[u8]) -> Self {
        let mut members = [false; 256];
        let mut at = 0;
        while at < bytes.len() {
            members[bytes[at] as usize] = true;
            at += 1;
        }
        Self(members)
    }

    #[inline]
    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).copied().unwrap_or_default()
    }
}
