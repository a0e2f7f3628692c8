module burnflow

go 1.20
