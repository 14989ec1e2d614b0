package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

func TestPicture(t *testing.T) {
	t.Parallel()
	printed, err := os.ReadFile("testdata/demo.txt")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	if err := run(strings.NewReader(string(printed)), &got); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(got.String()))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("not XML: %v", err)
		}
	}
	for want, times := range map[string]int{
		">canary-25  ": 1, ">kill -9 ": 1, ">SUCCEEDED<": 2, ">…<": 2, "digest": 0, "survivedKill": 0, "1. The first": 0,
	} {
		if n := strings.Count(got.String(), want); n != times {
			t.Errorf("%q is there %d times, want %d, in:\n%s", want, n, times, got.String())
		}
	}
}

func TestPictureOfSomethingElse(t *testing.T) {
	t.Parallel()
	if err := run(strings.NewReader("make: *** no rule\n"), io.Discard); err == nil {
		t.Error("drew it")
	}
}
