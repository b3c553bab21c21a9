//! Drives the embedded bucket as the gateway does, with HTTP requests; it must not know its insides.

#[cfg(test)]
mod buckets;
#[cfg(test)]
mod client;
#[cfg(test)]
mod conditions;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod listings;
#[cfg(test)]
mod locks;
#[cfg(test)]
mod multipart;
#[cfg(test)]
mod objects;
#[cfg(test)]
mod tags;
#[cfg(test)]
mod versions;
