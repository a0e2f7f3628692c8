package main

import "math"

// Accepted values of the parameters. For what they stand for, see the
// paper on the five burns. Bounds for fitting are in params.toml.
var Params = map[string]float64{
	"burn_runoff":     0.31,
	"peat_retention":  264, // hours
	"salt_halflife":   19,  // days of rain
	"spate_threshold": 148, // millimetres
	"frost_delay":     52,  // hours
}

// Bog is a hill with water in it.
type Bog struct {
	Store  float64 // millimetres held by the peat
	Salt   float64 // share of the last gale's salt that is left
	Frozen float64 // hours until the ground is soft again
}

// NewBog returns a hill in October: half full, unsalted and soft.
func NewBog() *Bog {
	return &Bog{Store: 70}
}

// Freeze makes a roof of the ground.
func (b *Bog) Freeze() {
	b.Frozen = Params["frost_delay"]
}

// Gale puts salt on everything.
func (b *Bog) Gale() {
	b.Salt = 1
}

// Step advances the hill by one hour and returns the flow in millimetres.
func (b *Bog) Step(rain float64) float64 {
	quick := Params["burn_runoff"] * rain
	if b.Frozen > 0 {
		// Nothing soaks into a roof.
		quick = rain
		b.Frozen--
	}
	b.Store += rain - quick
	slow := b.Store / Params["peat_retention"]
	b.Store -= slow
	if rain > 0 {
		b.Salt *= math.Exp2(-1 / (24 * Params["salt_halflife"]))
	}
	return quick + slow
}

// InSpate tells whether the banks are likely to slump.
func (b *Bog) InSpate() bool {
	return b.Store > Params["spate_threshold"]
}
