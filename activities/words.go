package activities

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Fill returns text with what value returns in the places of {{.Word}} and {{function .Word}};
// function is "" in the first. That is all that is read of Go's templates: no text runs for
// long, or makes much of little. Its first error, and one for other braces, ends it.
func Fill(text string, value func(function, word string) (string, error)) (string, error) {
	form := regexp.MustCompile(`^\{\{\s*(?:(\w+)\s+)?\.(\w+)\s*\}\}$`)
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{{")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		inside, after, closed := strings.Cut(rest, "}}")
		if !closed {
			return "", errors.New("a {{ is not closed")
		}
		each := "{{" + inside + "}}"
		parts := form.FindStringSubmatch(each)
		if parts == nil {
			return "", fmt.Errorf("%s is not {{.WORD}}", each)
		}
		filled, err := value(parts[1], parts[2])
		if err != nil {
			return "", fmt.Errorf("%s%w", each, err)
		}
		out.WriteString(filled)
		text = after
	}
}
