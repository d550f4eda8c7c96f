// Command yamlpeer is the named peer in benches/run: what any KRM function
// written in Go must pay before it does anything useful. It decodes the
// ResourceList on stdin into yaml.Node (the tree kyaml keeps, comments and
// order included) and encodes it to stdout in kyaml's layout.
//
// It does strictly less than gatewright, so a ratio below 1 is not flattery.
// Keep it this small: whatever is added here makes the comparison easier for us.
package main

import (
	"bufio"
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "yamlpeer:", err)
		os.Exit(1)
	}
}

func run() error {
	var list yaml.Node
	if err := yaml.NewDecoder(bufio.NewReader(os.Stdin)).Decode(&list); err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	enc := yaml.NewEncoder(out)
	enc.SetIndent(2)
	enc.CompactSeqIndent()
	if err := enc.Encode(&list); err != nil {
		return err
	}
	if err := enc.Close(); err != nil {
		return err
	}
	return out.Flush()
}
