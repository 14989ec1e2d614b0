package activities

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/serin-dev/serin/rollout"
)

// SecretPrefix begins the names of the variables that a configuration may refer to: whoever
// may apply one must not read the rest of a worker's environment.
const SecretPrefix = "SERIN_SECRET_"

// Secrets finds what configurations refer to. The zero value knows none.
type Secrets struct {
	Getenv func(string) string // such as os.Getenv
	Folder string              // SERIN_SECRETS; "" allows no file
}

// Resolve returns the secret's value, without white space around it. Errors: Invalid for a
// reference that is none, NotFound. The value is in no error.
func (s Secrets) Resolve(ref rollout.Secret) (string, error) {
	value, err := s.read(ref)
	if err != nil {
		return "", err
	}
	if value = strings.TrimSpace(value); value == "" {
		return "", secretError(ref, rollout.NotFound, errors.New("this worker has no such secret"), "give it to the worker that polls the target's task queue")
	}
	return value, nil
}

func (s Secrets) read(ref rollout.Secret) (string, error) {
	switch {
	case (ref.Env == "") == (ref.File == ""):
		return "", secretError(ref, rollout.Invalid, errors.New("it names not exactly one of env and file"), "name one")
	case ref.Env != "" && !strings.HasPrefix(ref.Env, SecretPrefix):
		return "", secretError(ref, rollout.Invalid, errors.New("its name does not begin with "+SecretPrefix), "rename the variable")
	case ref.Env != "" && s.Getenv != nil:
		return s.Getenv(ref.Env), nil
	case ref.Env != "" || s.Folder == "":
		return "", nil
	case !filepath.IsLocal(ref.File):
		return "", secretError(ref, rollout.Invalid, errors.New("it leaves the folder of secrets"), "name a file below SERIN_SECRETS")
	}
	root, err := os.OpenRoot(s.Folder)
	if err != nil {
		return "", secretError(ref, rollout.NotFound, err, "set SERIN_SECRETS to a folder of this worker")
	}
	defer root.Close() //nolint:errcheck // only read from
	content, err := root.ReadFile(ref.File)
	if err != nil {
		return "", secretError(ref, rollout.NotFound, err, "put it there")
	}
	return string(content), nil
}

func secretError(ref rollout.Secret, kind rollout.Kind, err error, fix string) error {
	return &rollout.Error{Op: "read secret", On: ref.Env + ref.File, Kind: kind, Err: err, Fix: fix}
}
