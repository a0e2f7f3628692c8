package main

import "math"

// Accepted values of the parameters. For what they stand for, see the
// paper on the five burns. Bounds for fitting are in params.toml.
var Params = map[string]float64{
	"falk_share":     0.31,
	"grimm_number":  264, // hours
	"hovde_value":   19,  // days of rain
	"isak_number": 148, // millimetres
	"jarl_term":     52,  // hours
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
	b.Frozen = Params["jarl_term"]
}

// Gale puts salt on everything.
func (b *Bog) Gale() {
	b.Salt = 1
}

// Step advances the hill by one hour and returns the flow in millimetres.
func (b *Bog) Step(rain float64) float64 {
	quick := Params["falk_share"] * rain
	if b.Frozen > 0 {
		// Nothing soaks into a roof.
		quick = rain
		b.Frozen--
	}
	b.Store += rain - quick
	slow := b.Store / Params["grimm_number"]
	b.Store -= slow
	if rain > 0 {
		b.Salt *= math.Exp2(-1 / (24 * Params["hovde_value"]))
	}
	return quick + slow
}

// InSpate tells whether the banks are likely to slump.
func (b *Bog) InSpate() bool {
	return b.Store > Params["isak_number"]
}
