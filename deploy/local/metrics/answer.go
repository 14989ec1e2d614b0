package metrics

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// response is what every answer of the API looks like.
type response struct {
	Status    string `json:"status"` // success or error
	Data      *data  `json:"data,omitempty"`
	ErrorType string `json:"errorType,omitempty"`
	Error     string `json:"error,omitempty"`
}

type data struct {
	Type   parser.ValueType `json:"resultType"`
	Result parser.Value     `json:"result"`
}

func refuse(w http.ResponseWriter, status int, kind string, err error) {
	answer(w, status, response{Status: "error", ErrorType: kind, Error: err.Error()})
}

func answer(w http.ResponseWriter, status int, r response) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(r) // a client that left misses nothing
}

// instant reads seconds since 1970 or RFC 3339; "" is now.
func instant(text string) (time.Time, error) {
	if text == "" {
		return time.Now(), nil
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		whole, part := math.Modf(seconds)
		return time.Unix(int64(whole), int64(part*float64(time.Second))), nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, fmt.Errorf("time %q is neither seconds nor RFC 3339", text)
	}
	return at, nil
}
