// Command serin-worker runs Serin's workflows and activities.
package main

import (
	"context"
	"os"

	_ "gocloud.dev/blob/gcsblob"
	_ "gocloud.dev/blob/s3blob"

	"github.com/serin-dev/serin/worker"
)

func main() { os.Exit(worker.Main(context.Background(), os.Getenv, os.Stderr)) }
