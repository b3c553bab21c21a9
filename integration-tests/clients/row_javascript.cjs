// The AWS SDK for JavaScript with default settings: buffers, streams, lib-storage's parts, listing, range,
// copy, delete. It asserts; a failed one ends with a stack trace and status 1.

const assert = require("node:assert");
const { createHash } = require("node:crypto");
const { Readable } = require("node:stream");
const sdk = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");

const [bucket, mebibytes] = process.argv.slice(2);
const MIB = 1024 * 1024;

function noise(length, seed) {
  return createHash("shake128", { outputLength: length }).update(seed).digest();
}

async function main() {
  const s3 = new sdk.S3Client();
  const send = (Command, input) => s3.send(new Command({ Bucket: bucket, ...input }));
  const read = async (input) =>
    Buffer.from(await (await send(sdk.GetObjectCommand, input)).Body.transformToByteArray());
  await send(sdk.CreateBucketCommand, {});

  const small = noise(1000, "small");
  const put = await send(sdk.PutObjectCommand, {
    Key: "small", Body: small, Metadata: { n: "1" }, ContentType: "text/x-own" });
  const head = await send(sdk.HeadObjectCommand, { Key: "small" });
  assert.deepStrictEqual(
    [head.ContentLength, head.ETag, head.Metadata, head.ContentType],
    [1000, put.ETag, { n: "1" }, "text/x-own"]);
  assert((await read({ Key: "small" })).equals(small));
  await send(sdk.PutObjectCommand, { Key: "empty", Body: "" });
  assert.strictEqual((await read({ Key: "empty" })).length, 0);
  // A stream whose length is told is sent in chunks with its checksum at the end.
  await send(sdk.PutObjectCommand, {
    Key: "stream", Body: Readable.from([small, small]), ContentLength: 2000 });
  assert((await read({ Key: "stream" })).equals(Buffer.concat([small, small])));

  const large = noise(mebibytes * MIB, "large");
  const done = await new Upload({
    client: s3, params: { Bucket: bucket, Key: "large", Body: large } }).done();
  assert(Number(done.ETag.replaceAll('"', "").split("-")[1]) > 1, "it was uploaded in parts");
  // Applications hand it on.
  assert.strictEqual(done.Location, `${process.env.AWS_ENDPOINT_URL}/${bucket}/large`);
  assert((await read({ Key: "large" })).equals(large));
  assert((await read({ Key: "large", Range: "bytes=70000-6000000" }))
    .equals(large.subarray(70000, 6000001)));
  await send(sdk.CopyObjectCommand, { Key: "copy", CopySource: `${bucket}/large` });
  assert((await read({ Key: "copy" })).equals(large));

  const listed = await send(sdk.ListObjectsV2Command, {});
  const sizes = Object.fromEntries(listed.Contents.map((one) => [one.Key, one.Size]));
  assert.deepStrictEqual(
    sizes, { copy: large.length, empty: 0, large: large.length, small: 1000, stream: 2000 });
  await assert.rejects(read({ Key: "never-there" }), sdk.NoSuchKey);
  const gone = await send(sdk.DeleteObjectsCommand, {
    Delete: { Objects: Object.keys(sizes).map((Key) => ({ Key })) } });
  assert.deepStrictEqual([gone.Deleted.length, gone.Errors], [5, undefined]);
  await send(sdk.DeleteBucketCommand, {});
}

main();
