package main

// The drivers of the artifact store: SERIN_ARTIFACTS may be file://, gs:// or s3://.
import (
	_ "gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/gcsblob"
	_ "gocloud.dev/blob/s3blob"
)
