// Gen writes the JSON Schema and the reference page of the configuration from
// the Go types of package pipeline, their comments and their rules. Run it
// with go generate ./pipeline.
package main

import "log"

func main() {
	if err := write(".", "../docs"); err != nil {
		log.Fatal(err)
	}
}
