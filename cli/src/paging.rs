//! Lists, page after page, until the last or until enough.

use clap::Args;

use crate::failure::Failure;

/// What one call may ask for.
const PAGE_SIZE_MAX: u32 = 1000;

#[derive(Debug, Clone, Args)]
pub(crate) struct PageArgs {
    /// How many to ask for in one call, 1–1000; all pages are fetched in any case
    #[arg(long, value_name = "N", default_value_t = PAGE_SIZE_MAX,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) page_size: u32,

    /// At most so many in all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
}

/// One page as it came: its elements, and the token of the next one, empty on the last.
pub(crate) type Page<T> = (Vec<T>, String);

impl PageArgs {
    /// Fetches pages by size and token and hands over each element in order.
    pub(crate) async fn each<T>(
        &self,
        mut fetch: impl AsyncFnMut(i32, String) -> Result<Page<T>, Failure>,
        mut take: impl AsyncFnMut(T) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut left = self.limit.unwrap_or(u64::MAX);
        let mut token = String::new();
        while left > 0 {
            let size = left.min(self.page_size.into());
            let size = i32::try_from(size).unwrap_or(i32::MAX);
            let (elements, next) = fetch(size, token).await?;
            for element in elements {
                take(element).await?;
                left = left.saturating_sub(1);
            }
            if next.is_empty() {
                break;
            }
            token = next;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves 0..10 in pages, and writes down the sizes it was asked for.
    async fn fetched(page_size: u32, limit: Option<u64>) -> (Vec<u64>, Vec<i32>) {
        let (mut seen, mut sizes) = (Vec::new(), Vec::new());
        let fetch = async |size: i32, token: String| {
            sizes.push(size);
            let from: u64 = token.parse().unwrap_or(0);
            let to = (from + u64::try_from(size).unwrap()).min(10);
            let next = if to == 10 { String::new() } else { to.to_string() };
            Ok(((from..to).collect(), next))
        };
        let take = async |number| {
            seen.push(number);
            Ok(())
        };
        PageArgs { page_size, limit }.each(fetch, take).await.unwrap();
        (seen, sizes)
    }

    #[tokio::test]
    async fn all_pages_are_fetched() {
        assert_eq!(fetched(4, None).await, ((0..10).collect(), vec![4, 4, 4]));
    }

    #[tokio::test]
    async fn a_limit_asks_for_no_more_than_it_needs() {
        assert_eq!(fetched(4, Some(5)).await, ((0..5).collect(), vec![4, 1]));
        assert_eq!(fetched(4, Some(100)).await.0.len(), 10);
    }
}
