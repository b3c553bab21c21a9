//! The audit trail: events and the journal that makes them durable.
