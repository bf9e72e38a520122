//! Another wrapping key for every data key that is left.

use samenloop_ledger::Event;
use samenloop_wire::store;
use zeroize::Zeroizing;

use super::keyring::Survivor;
use super::{Access as _, Change, DataKey, META, ROUNDS, SUBMISSIONS, StoreError, WrappingKey};
use crate::keys::random;

impl Change<'_> {
    /// Wraps every data key in this change under a fresh key, says so in the ledger, and makes that
    /// key durable beside the present one.
    pub(super) fn rotate(&mut self) -> Result<WrappingKey, StoreError> {
        self.append(Event::WrappingKeyRotated {})?;
        let bytes = Zeroizing::new(random::<32>()?);
        let next = WrappingKey::new(bytes.clone());
        let mut survivors: Vec<Survivor> = vec![];
        let mut rewrap = |wrapped: &[u8], place: &[u8]| -> Result<Vec<u8>, StoreError> {
            let key = self.wrapping_key.unwrap(wrapped, place)?;
            let wrapped = next.wrap(&key, place)?;
            survivors.push((place.to_vec(), wrapped.clone()));
            Ok(wrapped)
        };
        for (place, mut stored) in self.list(SUBMISSIONS, &[])? {
            if !stored.wrapped_data_key.is_empty() {
                stored.wrapped_data_key = rewrap(&stored.wrapped_data_key, &place)?.into();
                self.put(SUBMISSIONS, &place, &stored)?;
            }
        }
        for (place, mut stored) in self.list(ROUNDS, &[])? {
            if !stored.wrapped_partition_key.is_empty() {
                stored.wrapped_partition_key =
                    rewrap(&stored.wrapped_partition_key, &place)?.into();
                self.put(ROUNDS, &place, &stored)?;
            }
        }
        let name = store::META_KEY_CHECK.as_bytes();
        self.put_bytes(META, name, &next.wrap(&DataKey::generate()?, name)?)?;
        self.store.keyring.prepare(&bytes, &survivors)?;
        Ok(next)
    }
}
