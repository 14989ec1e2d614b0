package kubernetes

import "flag"

var update = flag.Bool("update", false, "rewrite the golden files below testdata")
