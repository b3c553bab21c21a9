//! A durable S3 bucket for one machine: an in-process S3 service over an ordered embedded store and files.
