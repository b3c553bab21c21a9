// The largest page of a listing, read by the XML parser that counts entities: with each quotation mark of an ETag as
// one, it refused pages of more than 500 objects.

const assert = require("node:assert");
const sdk = require("@aws-sdk/client-s3");
const { XMLParser } = require("fast-xml-parser");

const [bucket] = process.argv.slice(2);

async function main() {
  const s3 = new sdk.S3Client();
  await s3.send(new sdk.CreateBucketCommand({ Bucket: bucket }));
  const keys = Array.from({ length: 1001 }, (_, index) => `page & <${String(index).padStart(4, "0")}>`);
  for (let from = 0; from < keys.length; from += 50) {
    await Promise.all(keys.slice(from, from + 50).map((Key) =>
      s3.send(new sdk.PutObjectCommand({ Bucket: bucket, Key, Body: "x" }))));
  }
  let text;
  s3.middlewareStack.add((next) => async (asked) => {
    const answered = await next(asked);
    const pieces = [];
    for await (const piece of answered.response.body) pieces.push(piece);
    text = Buffer.concat(pieces);
    answered.response.body = require("node:stream").Readable.from([text]);
    return answered;
  }, { step: "deserialize", priority: "low" });
  for (const Command of [sdk.ListObjectsCommand, sdk.ListObjectsV2Command]) {
    const page = await s3.send(new Command({ Bucket: bucket }));
    assert.deepStrictEqual([page.Contents.length, page.IsTruncated], [1000, true]);
    const parsed = new XMLParser({ ignoreAttributes: false }).parse(text).ListBucketResult;
    assert.strictEqual(parsed.Contents.length, 1000);
    assert.deepStrictEqual(parsed.Contents.map((one) => one.Key), page.Contents.map((one) => one.Key));
    assert.deepStrictEqual(parsed.Contents.map((one) => one.ETag), page.Contents.map((one) => one.ETag));
    assert(!text.includes("&quot;"), "quotation marks need no escape in text");
  }
}

main();
