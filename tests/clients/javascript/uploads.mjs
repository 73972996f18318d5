// Uploads by the AWS SDK for JavaScript, one kind a line: each object is put, got back, and compared.
// Usage: node uploads.mjs BUCKET. Prints the name of each kind that passed.
import { createHash, randomBytes } from "node:crypto";
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import {
  CompleteMultipartUploadCommand, CreateMultipartUploadCommand, DeleteObjectsCommand, GetObjectCommand,
  HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client, UploadPartCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";

const bucket = process.argv[2];
const settings = { forcePathStyle: true, maxAttempts: 1 };
const s3 = new S3Client(settings);
const whenRequired = new S3Client({
  ...settings, requestChecksumCalculation: "WHEN_REQUIRED", responseChecksumValidation: "WHEN_REQUIRED",
});
const folder = mkdtempSync(join(tmpdir(), "js-"));
const large = randomBytes(12 * 1024 * 1024 + 5);
const small = Buffer.from("hello\r\nworld\n");

function* pieces(body, size = 100_000) {
  for (let start = 0; start < body.length; start += size) yield body.subarray(start, start + size);
}

function fileOf(body) {
  const path = join(folder, createHash("md5").update(body).digest("hex"));
  writeFileSync(path, body);
  return createReadStream(path);
}

async function check(kind, body, upload, client = s3) {
  await upload(kind);
  const got = await client.send(new GetObjectCommand({ Bucket: bucket, Key: kind, ChecksumMode: "ENABLED" }));
  const bytes = Buffer.from(await got.Body.transformToByteArray());
  if (!bytes.equals(body)) throw new Error(`${kind}: ${bytes.length} bytes instead of ${body.length}`);
  console.log(kind);
}

const put = (client, body, more = {}) => (key) =>
  client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ...more }));

for (const [size, body] of [["empty", Buffer.alloc(0)], ["small", small], ["large", large]]) {
  const length = { ContentLength: body.length };
  await check(`a buffer, ${size}`, body, put(s3, body));
  await check(`a file, ${size}`, body, put(s3, fileOf(body)));
  await check(`a stream, ${size}`, body, put(s3, Readable.from(pieces(body)), length));
  await check(`a stream without checksum, ${size}`, body, put(whenRequired, Readable.from(pieces(body)), length));
}
for (const algorithm of ["CRC32", "CRC32C", "SHA1", "SHA256"]) {
  const more = { ChecksumAlgorithm: algorithm, ContentLength: small.length };
  await check(`a buffer, ${algorithm}`, small, put(s3, small, more));
  await check(`a stream, ${algorithm}`, small, put(s3, Readable.from(pieces(small, 4)), more));
}
await check("lib-storage, small", small, (key) =>
  new Upload({ client: s3, params: { Bucket: bucket, Key: key, Body: Readable.from(pieces(small)) } }).done());
await check("lib-storage, in parts", large, (key) =>
  new Upload({ client: s3, params: { Bucket: bucket, Key: key, Body: Readable.from(pieces(large)) } }).done());

await check("parts that are streams", large, async (key) => {
  const at = { Bucket: bucket, Key: key };
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ ...at, ChecksumAlgorithm: "SHA256" }));
  const parts = [];
  for (const [index, part] of [large.subarray(0, 6 << 20), large.subarray(6 << 20)].entries()) {
    const { ETag, ChecksumSHA256 } = await s3.send(new UploadPartCommand({
      ...at, UploadId, PartNumber: index + 1, Body: Readable.from(pieces(part)), ContentLength: part.length,
      ChecksumAlgorithm: "SHA256",
    }));
    parts.push({ ETag, ChecksumSHA256, PartNumber: index + 1 });
  }
  await s3.send(new CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts: parts } }));
  const head = await s3.send(new HeadObjectCommand({ ...at, ChecksumMode: "ENABLED" }));
  if (!head.ChecksumSHA256.endsWith("-2")) throw new Error(`no composite checksum: ${head.ChecksumSHA256}`);
});

const virtual = new S3Client({ endpoint: process.env.AWS_ENDPOINT_URL.replace("127.0.0.1", "localhost"), maxAttempts: 1,
  requestHandler: { httpAgent: new (await import("node:http")).Agent({
    lookup: (host, options, done) => options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4),
  }) } });
await check("a bucket in the host", small, put(virtual, Readable.from(pieces(small)), { ContentLength: small.length }), virtual);

const odd = ["dt=2024%3A01/p.csv", "a?b", "a#b", "a+b c", "a//b", "a/../b", "ünï/💩", "a&b;c=d", "%2e%2E/x"];
for (const key of odd) await check(key, Buffer.from(key), put(s3, Buffer.from(key)));
const listed = await s3.send(new ListObjectsV2Command({ Bucket: bucket }));
const missing = odd.filter((key) => !listed.Contents.some((item) => item.Key === key));
if (missing.length) throw new Error(`not listed: ${missing}`);
await s3.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: odd.map((Key) => ({ Key })) } }));
const left = await s3.send(new ListObjectsV2Command({ Bucket: bucket }));
const kept = odd.filter((key) => left.Contents.some((item) => item.Key === key));
if (kept.length) throw new Error(`not deleted: ${kept}`);
rmSync(folder, { recursive: true });
console.log("all");
