enum PerMessageDeflatePlaceholder {}
