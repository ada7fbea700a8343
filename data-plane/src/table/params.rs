//! The parameters of a path: nothing is taken out of it until somebody asks.

/// What stands in a path where an API's path has parameters.
#[derive(Debug, Clone, Copy)]
pub struct Params<'t, 'p> {
    template: &'t str,
    path: &'p str,
}

impl<'t, 'p> Params<'t, 'p> {
    pub(super) fn new(template: &'t str, path: &'p str) -> Self {
        Self { template, path }
    }

    pub fn get(&self, name: &str) -> Option<&'p str> {
        let is_named = |segment: &str| {
            segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) == Some(name)
        };
        let mut segments = self.template.split('/').zip(self.path.split('/'));
        segments.find(|(template, _)| is_named(template)).map(|(_, segment)| segment)
    }
}
