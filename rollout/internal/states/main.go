// States writes the page of the state machines from the tables of package rollout. Run it with
// go generate ./rollout.
package main

import (
	"log"
	"os"
)

func main() {
	if err := os.WriteFile("../docs/states.md", page(), 0o644); err != nil {
		log.Fatal(err)
	}
}
