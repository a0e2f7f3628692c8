// Command burnflow reads hourly rain on standard input and prints the
// flow of a burn, one line for every hour.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// readRain parses one number to a line. Remarks and empty lines are
// skipped. Negative rain is an error, by popular demand.
func readRain(scanner *bufio.Scanner) ([]float64, error) {
	var rain []float64
	for scanner.Scan() {
		line := strings.TrimSpace(scanner.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		value, err := strconv.ParseFloat(line, 64)
		if err != nil {
			return nil, fmt.Errorf("not a number: %q", line)
		}
		if value < 0 {
			return nil, fmt.Errorf("rain cannot fall upward: %v", value)
		}
		rain = append(rain, value)
	}
	return rain, scanner.Err()
}

func main() {
	rain, err := readRain(bufio.NewScanner(os.Stdin))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bog := NewBog()
	for hour, mm := range rain {
		flow := bog.Step(mm)
		mark := ""
		if bog.InSpate() {
			mark = " SPATE"
		}
		fmt.Printf("%4d %8.3f%s\n", hour, flow, mark)
	}
}
