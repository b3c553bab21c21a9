//! Compiled policies of clients (IAM's JSON), remembered by what they were compiled from: compiling one costs more than
//! deciding by it many times. What is remembered is bounded in bytes, not in number, since clients write them.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use moka::Equivalent;
use moka::sync::Cache;
use policies::{Compiled, PolicySet};
use tokio::sync::Semaphore;

use crate::error::GatewayError;

/// Policies by a key that tells all that they are made of, so that none is out of date.
#[derive(Clone)]
pub struct CompiledPolicies<K>(Cache<K, Weighed>);

#[derive(Clone)]
struct Weighed {
    set: Arc<PolicySet>,
    /// About the bytes that it takes.
    weight: u32,
}

impl<K: Hash + Eq + Send + Sync + 'static> CompiledPolicies<K> {
    /// What was compiled from this, if it is remembered.
    pub fn get<Q: Equivalent<K> + Hash + ?Sized>(&self, key: &Q) -> Option<Arc<PolicySet>> {
        self.0.get(key).map(|known| known.set)
    }

    /// Remembers what was compiled from this, as long as there is room and somebody asks for it now and then.
    pub fn remember(&self, key: K, compiled: Compiled) -> Arc<PolicySet> {
        let weight = weight(&compiled);
        let set = Arc::new(compiled.set);
        let kept = Arc::clone(&set);
        self.0.insert(key, Weighed { set: kept, weight });
        set
    }
}

impl<K: Hash + Eq + Send + Sync + 'static> Default for CompiledPolicies<K> {
    fn default() -> Self {
        let kept = Cache::builder()
            .max_capacity(MOST_BYTES)
            .weigher(|_, known: &Weighed| known.weight)
            .time_to_idle(UNUSED);
        Self(kept.build())
    }
}

impl<K> std::fmt::Debug for CompiledPolicies<K> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CompiledPolicies")
    }
}

/// Compiles where no other request waits for the thread, and one policy at a time: a few kilobytes of wildcards can take
/// a second, and clients write them.
///
/// # Errors
///
/// [`GatewayError::Unexpected`] where compiling panics.
pub async fn apart<T: Send + 'static>(
    compile: impl FnOnce() -> T + Send + 'static,
) -> Result<T, GatewayError> {
    static ONE: Semaphore = Semaphore::const_new(1);
    let turn = ONE.acquire().await;
    // Held until it is compiled, though who asked may have left.
    let compiled = tokio::task::spawn_blocking(move || {
        let compiled = compile();
        drop(turn);
        compiled
    });
    let failed = GatewayError::Unexpected("a policy could not be compiled");
    compiled.await.map_err(|_| failed)
}

/// What a policy takes is told by its Cedar text: 7 to 38 bytes for each of the text's, as resident memory showed of
/// policies from 90 to 20 000 bytes; most take about 16. The JSON tells little: an action `"*"` is all there are.
fn weight(compiled: &Compiled) -> u32 {
    let bytes = compiled.cedar.len().saturating_mul(16);
    u32::try_from(bytes.saturating_add(4096)).unwrap_or(u32::MAX)
}

const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// What nobody asked for meanwhile is forgotten.
const UNUSED: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(text: usize) -> Compiled {
        Compiled {
            set: PolicySet::default(),
            cedar: "x".repeat(text),
            is_public: false,
        }
    }

    #[test]
    fn what_is_remembered_is_bounded_by_what_it_takes() {
        let kept = CompiledPolicies::default();
        let known = || {
            kept.0.run_pending_tasks();
            (0..2000)
                .filter(|number| kept.get(number).is_some())
                .count()
        };
        // A bucket's policy of 20 KiB makes a megabyte of Cedar.
        for number in 0..100 {
            kept.remember(number, compiled(1 << 20));
        }
        let large = known();
        assert!((1..=4).contains(&large), "{large}");
        assert!(kept.0.weighted_size() <= MOST_BYTES);

        kept.0.invalidate_all();
        for number in 0..2000 {
            kept.remember(number, compiled(500));
        }
        assert_eq!(known(), 2000);
    }

    #[tokio::test]
    async fn one_is_compiled_at_a_time_and_one_that_panics_holds_up_none() {
        use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
        static AT_WORK: AtomicU32 = AtomicU32::new(0);
        let work = || {
            apart(|| {
                let with = AT_WORK.fetch_add(1, SeqCst);
                std::thread::sleep(Duration::from_millis(2));
                AT_WORK.fetch_sub(1, SeqCst);
                with
            })
        };
        for with in futures_util::future::join_all((0..20).map(|_| work())).await {
            assert_eq!(with.unwrap(), 0);
        }
        assert!(apart(|| panic!("as the test wished")).await.is_err());
        assert_eq!(work().await.unwrap(), 0);
    }

    #[test]
    fn what_nobody_asks_for_is_not_kept_for_ever() {
        let kept = CompiledPolicies::<String>::default();
        assert_eq!(kept.0.policy().time_to_idle(), Some(UNUSED));
        let none: Option<Arc<PolicySet>> = kept.get("a text");
        assert!(none.is_none());
    }
}
