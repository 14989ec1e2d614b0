package app

import (
	"fmt"
	"strconv"
	"strings"
)

// The images of the test cluster. Images are names only: nothing is pulled.
const (
	serveImage   = "serin.test/app"
	crashImage   = "serin.test/crash"
	jobImage     = "serin.test/job"
	missingImage = "serin.test/missing"
)

// Image is an image that can be run.
type Image struct {
	repository string
	tag        string
	exit       int // a job's exit code, 0 to 255
}

// Find returns the image called name. The error is in a container runtime's
// style, because it ends in a container's status: one of these is not found.
//
//	serin.test/app:<version>    an HTTP server
//	serin.test/crash:<any>      prints a line and exits 1
//	serin.test/job:<exit code>  exits with that code after $DURATION
func Find(name string) (Image, error) {
	repository, tag, _ := strings.Cut(name, ":")
	image := Image{repository: repository, tag: tag}
	switch {
	case repository == serveImage && tag != "", repository == crashImage:
		return image, nil
	case repository == jobImage:
		code, err := strconv.ParseUint(tag, 10, 8)
		if err == nil {
			image.exit = int(code)
			return image, nil
		}
	case repository == missingImage:
		return Image{}, notFound(name, "")
	}
	return Image{}, notFound(name, fmt.Sprintf(" (this cluster has %s:<version>, %s:<any> and %s:<exit code>)", serveImage, crashImage, jobImage))
}

func notFound(name, known string) error {
	return fmt.Errorf("rpc error: code = NotFound desc = pull image %q: %s: not found%s", name, name, known)
}
