//! A table whose keys are given by it: one entry costs no more than what it holds.

/// Values by the number of their place. A place that was left is the next one to be taken.
pub(super) struct Places<T> {
    places: Vec<Place<T>>,
    /// The place that was left last.
    free: Option<usize>,
    taken: usize,
}

enum Place<T> {
    Taken(T),
    /// And the place that was left before.
    Free(Option<usize>),
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: None, taken: 0 }
    }
}

impl<T> Places<T> {
    pub(super) fn len(&self) -> usize {
        self.taken
    }

    pub(super) fn is_empty(&self) -> bool {
        self.taken == 0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|place| match place {
            Place::Taken(value) => Some(value),
            Place::Free(_) => None,
        })
    }

    /// Puts a value in, and gives its key, which is good until the value is removed.
    pub(super) fn insert(&mut self, value: T) -> usize {
        self.taken += 1;
        if let Some(key) = self.free
            && let Some(place) = self.places.get_mut(key)
            && let Place::Free(next) = *place
        {
            self.free = next;
            *place = Place::Taken(value);
            return key;
        }
        self.places.push(Place::Taken(value));
        self.places.len() - 1
    }

    pub(super) fn get_mut(&mut self, key: usize) -> Option<&mut T> {
        match self.places.get_mut(key)? {
            Place::Taken(value) => Some(value),
            Place::Free(_) => None,
        }
    }

    pub(super) fn remove(&mut self, key: usize) -> Option<T> {
        let place = self.places.get_mut(key).filter(|place| matches!(place, Place::Taken(_)))?;
        let left = std::mem::replace(place, Place::Free(self.free));
        self.free = Some(key);
        self.taken -= 1;
        match left {
            Place::Taken(value) => Some(value),
            Place::Free(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_left_is_taken_again() {
        let mut places = Places::default();
        let keys = ["a", "b", "c"].map(|value| places.insert(value));
        assert_eq!(places.remove(keys[0]), Some("a"));
        assert_eq!(places.remove(keys[2]), Some("c"));
        assert_eq!(places.remove(keys[2]), None);
        assert_eq!((places.len(), places.iter().copied().collect::<Vec<_>>()), (1, vec!["b"]));
        let again = ["d", "e", "f"].map(|value| places.insert(value));
        assert_eq!((again[0], again[1]), (keys[2], keys[0]));
        assert_eq!(places.iter().copied().collect::<Vec<_>>(), ["e", "b", "d", "f"]);
        assert_eq!(places.get_mut(again[2]), Some(&mut "f"));
    }
}
